//! The person who does what the findings say, and knows nothing else: neither what happened, nor what would help.

use std::collections::BTreeSet;

use serde_json::Value;

use super::declaration::Declaration;
use super::play::Living;
use crate::history::Failure;
use crate::program::Output;
use crate::{Plan, unwrapped};

/// How often findings may lead to other findings.
const ROUNDS: usize = 10;
/// How deep the help of an error may lead to another error.
const DEPTH: usize = 3;

/// A pending finding of a document of `--json`: code, table or chain, help.
type Told = (String, String, String);

impl Living {
    /// Everything that was committed arrives, and what is told is done until nothing is left: then ODS equals the source, and Terraform has
    /// nothing to do.
    pub(super) async fn come_to_rest(&mut self) -> Result<(), Failure> {
        for _ in 0..ROUNDS {
            self.deliver().await?;
            if !self.obey_what_is_told("status").await? && !self.obey_what_is_told("verify").await? {
                self.compare().await?;
                return match self.world.terraform.plan(&[]).await? {
                    Plan::Empty => Ok(()),
                    Plan::Changes => Err(Failure::Restless("terraform plan has changes".into())),
                };
            }
        }
        Err(Failure::Restless(format!("after {ROUNDS} rounds something is still to be done")))
    }

    /// `runbook status`, once.
    pub(super) async fn obey_status(&mut self) -> Result<(), Failure> {
        self.deliver().await?;
        self.obey_what_is_told("status").await.map(drop)
    }

    /// Whether there was something to do.
    async fn obey_what_is_told(&mut self, verb: &str) -> Result<bool, Failure> {
        let output = self.run(&["--json".to_owned(), verb.to_owned()]).await?;
        if output.code == 0 {
            return Ok(false);
        }
        let told = match output.json() {
            Ok(document) if output.code == 2 => pending(&document),
            _ => Vec::new(),
        };
        if told.is_empty() {
            return Err(Failure::Stuck(format!(
                "{verb} ended with exit code {}, and tells nothing to do: {output}",
                output.code
            )));
        }
        let mut done = BTreeSet::new();
        for (code, subject, help) in told {
            self.told.push(format!("  {code} {subject}: {help}"));
            self.obey(&code, &subject, &help, &mut done, DEPTH).await?;
        }
        Ok(true)
    }

    /// Does what a help text says. `done`: the commands of this round, which nobody runs twice.
    async fn obey(
        &mut self,
        code: &str,
        subject: &str,
        help: &str,
        done: &mut BTreeSet<String>,
        depth: usize,
    ) -> Result<(), Failure> {
        let table = subject.strip_prefix(&format!("{}.", self.world.name)).unwrap_or(subject).to_owned();
        let declarations: Vec<_> =
            Declaration::all_in(help).into_iter().map(|one| (table.clone(), one)).collect();
        if !declarations.is_empty() {
            if let Err(refused) = self.declare_and_apply(&declarations).await? {
                return Box::pin(self.obey_error(&refused, done, depth)).await;
            }
        } else if code == "SOURCE-TABLE-GONE" {
            return self.remove_table(&table).await;
        } else if help.contains("`terraform apply`")
            && code != "FILE-SET-ASIDE"
            && done.insert("apply".into())
        {
            let applied = self.apply().await?;
            if applied.code != 0 {
                return Box::pin(self.obey_error(&unwrapped(&applied.stderr), done, depth)).await;
            }
        }
        if code == "FILE-SET-ASIDE" {
            self.put_right().await?;
        }
        if help.contains("`aws dms stop-replication-task") && self.dms_runs().await? {
            self.world.dms.stop().await?;
            self.world.dms.start("resume-processing").await?;
        }
        // What else it names is for those who do not want the column.
        let wanted = if declarations.is_empty() { usize::MAX } else { 1 };
        for command in commands(help).take(wanted) {
            // Another look is the next round's.
            if command.starts_with("status") || command.starts_with("plan") || !done.insert(command.clone()) {
                continue;
            }
            let words: Vec<_> = command.split(' ').map(|word| word.replace("TEXT", "known")).collect();
            let mut output = self.run(&words).await?;
            if output.code == 1 && depth > 0 && help_of(&output.stderr).contains("run this again") {
                Box::pin(self.obey_error(&output.stderr, done, depth - 1)).await?;
                output = self.run(&words).await?;
            }
            match output.code {
                0 if command.starts_with("unblock --put-back") => {}
                0 => break,
                // It found something, or refuses: what is named next is for that.
                2 => {}
                _ if depth > 0 => Box::pin(self.obey_error(&output.stderr, done, depth - 1)).await?,
                _ => return Err(Failure::Stuck(format!("runbook {command}: {output}"))),
            }
        }
        Ok(())
    }

    /// Does what the help of an error says.
    async fn obey_error(
        &mut self,
        text: &str,
        done: &mut BTreeSet<String>,
        depth: usize,
    ) -> Result<(), Failure> {
        let text = &help_of(text);
        self.told.push(format!("  refused: {text}"));
        if let Some(undrop) = text.split("UNDROP TABLE ").nth(1).and_then(|rest| rest.split(' ').next()) {
            self.world.databend.exec(&format!("UNDROP TABLE {undrop}")).await?;
        }
        self.obey("", "", text, done, depth).await
    }

    /// Puts files right where they were set aside, where there is a good copy.
    async fn put_right(&mut self) -> Result<(), Failure> {
        for (file, content) in &self.cut_off {
            let aside = format!("_set_aside/{file}.set-aside");
            if let (Some(content), Ok(_)) = (content, self.aws.get(&self.world.dms.bucket, &aside).await) {
                self.aws.put(&self.world.dms.bucket, &aside, content).await?;
            }
        }
        Ok(())
    }

    /// Writes declarations and applies them. What Terraform refuses is taken back, and returned.
    pub(super) async fn declare_and_apply(
        &mut self,
        declarations: &[(String, Declaration)],
    ) -> Result<Result<(), String>, Failure> {
        let before = self.world.tables.clone();
        for (name, declaration) in declarations {
            if let Some(table) = self.world.tables.iter_mut().find(|table| table.name == *name) {
                declaration.write(table);
            }
        }
        self.world.declare();
        let applied = self.apply().await?;
        if applied.code == 0 {
            return Ok(Ok(()));
        }
        self.world.tables = before;
        self.world.declare();
        Ok(Err(unwrapped(&applied.stderr)))
    }

    async fn apply(&mut self) -> Result<Output, Failure> {
        let output =
            self.world.terraform.run(&["apply", "-auto-approve", "-input=false", "-no-color"]).await?;
        self.told.push(format!("  $ terraform apply: exit code {}", output.code));
        Ok(output)
    }

    /// Runs the runbook. It must not crash.
    pub(super) async fn run(&mut self, words: &[String]) -> Result<Output, Failure> {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let output = self.world.runbook.run(&words).await?;
        self.told.push(format!("  $ runbook {}: exit code {}", words.join(" "), output.code));
        if (0..=2).contains(&output.code) {
            return Ok(output);
        }
        Err(Failure::Stuck(format!("runbook {} crashed: {output}", words.join(" "))))
    }
}

/// The findings that are more than information.
fn pending(document: &Value) -> Vec<Told> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().into_iter().flatten();
    findings
        .filter(|finding| finding["severity"] != "info")
        .map(|finding| (text(finding, "code"), text(finding, "subject"), text(finding, "help")))
        .collect()
}

/// What a program's output says of an error; all of it where it has no such lines.
fn help_of(text: &str) -> String {
    let told = text.lines().filter(|line| line.contains("error: ") || line.contains("help: "));
    let told: Vec<_> = told.collect();
    if told.is_empty() { text.to_owned() } else { told.join("\n") }
}

/// The commands of the runbook that a text names, in its order.
fn commands(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).filter_map(|code| {
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        code.strip_prefix("runbook ").map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_their_order() {
        let help = "look into it; run `runbook verify --repair --table a.b`, or\n  `runbook reload --table\n a.b`, not `this`";
        assert_eq!(commands(help).collect::<Vec<_>>(), ["verify --repair --table a.b", "reload --table a.b"]);
    }
}
