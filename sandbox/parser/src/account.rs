//! The fields of statements about users, roles and sessions.

use databend_common_ast::ast::{
    AlterUserStmt, AuthOption, AuthType, CreateUserStmt, SecondaryRolesOption, UserOptionItem,
};
use serde::Serialize;

use crate::statement::CreateMode;

/// How a user proves who he is. Databend keeps a hash of it that nothing shows, so the server keeps one of its own.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Proof {
    Password { password: String },
    Nothing,
    Unsupported,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct CreateUser {
    mode: CreateMode,
    name: String,
    proof: Proof,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct AlterUser {
    /// None: the session's own user.
    name: Option<String>,
    proof: Option<Proof>,
    default_role: Option<String>,
    /// Changes options, which one's own password is not.
    changes_options: bool,
}

pub(crate) fn create(stmt: &CreateUserStmt) -> CreateUser {
    CreateUser {
        mode: (&stmt.create_option).into(),
        name: stmt.user.username.clone(),
        proof: proof(&stmt.auth_option),
    }
}

pub(crate) fn alter(stmt: &AlterUserStmt) -> AlterUser {
    let default_role = stmt.user_options.iter().find_map(|option| match option {
        UserOptionItem::DefaultRole(role) => Some(role.clone()),
        _ => None,
    });
    AlterUser {
        name: stmt.user.as_ref().map(|user| user.username.clone()),
        proof: stmt.auth_option.as_ref().map(proof),
        default_role,
        changes_options: !stmt.user_options.is_empty(),
    }
}

fn proof(option: &AuthOption) -> Proof {
    match (&option.auth_type, &option.password) {
        (Some(AuthType::JWT), _) => Proof::Unsupported,
        (Some(AuthType::NoPassword), _) | (_, None) => Proof::Nothing,
        (_, Some(password)) => Proof::Password { password: password.clone() },
    }
}

/// `SET SECONDARY ROLES`: None for ALL.
pub(crate) fn secondary(option: &SecondaryRolesOption) -> Option<Vec<String>> {
    match option {
        SecondaryRolesOption::All => None,
        SecondaryRolesOption::None => Some(Vec::new()),
        SecondaryRolesOption::SpecifyRole(roles) => Some(roles.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::statement::describe;

    fn fields(sql: &str) -> Value {
        serde_json::to_value(describe(sql).unwrap_or_else(|error| panic!("{error}"))).unwrap()
    }

    #[test]
    fn a_user_has_a_password_or_none() {
        let user = fields("CREATE USER IF NOT EXISTS cdc IDENTIFIED BY 'it''s' WITH DEFAULT_ROLE = 'r'");
        assert_eq!(
            (&user["mode"], &user["name"], &user["proof"]),
            (&json!("if_not_exists"), &json!("cdc"), &json!({"type": "password", "password": "it's"}))
        );
        assert_eq!(fields("CREATE USER u IDENTIFIED WITH no_password")["proof"]["type"], "nothing");
        let sha = fields("CREATE USER u IDENTIFIED WITH sha256_password BY 'x'");
        assert_eq!(sha["proof"]["password"], "x");
    }

    #[test]
    fn alter_user_tells_passwords_and_options_apart() {
        let own = fields("ALTER USER USER() IDENTIFIED BY 'n'");
        assert_eq!((&own["name"], &own["changes_options"]), (&Value::Null, &json!(false)));
        let role = fields("ALTER USER u WITH DEFAULT_ROLE = 'r'");
        assert_eq!(
            (&role["default_role"], &role["proof"], &role["changes_options"]),
            (&json!("r"), &Value::Null, &json!(true))
        );
    }

    #[test]
    fn roles_of_the_session() {
        assert_eq!(fields("SET ROLE r")["role"], "r");
        assert_eq!(fields("SET DEFAULT ROLE r")["is_default"], true);
        assert_eq!(fields("SET SECONDARY ROLES NONE")["roles"], json!([]));
        assert_eq!(fields("SET SECONDARY ROLES ALL")["roles"], Value::Null);
        assert_eq!(fields("SHOW GRANTS")["of_self"], true);
        assert_eq!(fields("SHOW GRANTS FOR ROLE r")["of_self"], false);
    }
}
