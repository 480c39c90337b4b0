//! What `--json` prints, of every verb: `World::json` compares each document with its schema in docs/reference/output.

use e2e::World;

#[tokio::test]
async fn of_every_verb() {
    let world = World::orders(3).await;
    let kind = async |code, arguments: &[&str]| {
        let document = world.json(code, arguments).await;
        assert_eq!(document["format"], 1, "{document:#}");
        document["kind"].as_str().unwrap().to_owned()
    };
    // Before anything is done, and then after.
    assert_eq!(kind(2, &["plan"]).await, "plan");
    assert_eq!(kind(2, &["status"]).await, "status");
    assert_eq!(kind(0, &["cutover"]).await, "cutover");
    assert_eq!(kind(0, &["suspend"]).await, "suspend");
    assert_eq!(kind(0, &["resume"]).await, "resume");
    assert_eq!(kind(0, &["plan"]).await, "plan");
    assert_eq!(kind(0, &["log"]).await, "log");
    assert_eq!(kind(0, &["unlock"]).await, "unlock");
    assert_eq!(kind(0, &["explain"]).await, "explain");
    assert_eq!(kind(0, &["explain", "dms-stopped"]).await, "explain");

    let error = world.json(1, &["cutover", "--table", "shop.nothing"]).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("no task chain moves table shop.nothing"), "{error:#}");
    assert!(error["error"]["help"].is_string() && error["error"]["code"].is_null(), "{error:#}");
    assert_eq!(kind(1, &["explain", "DMS-ASLEEP"]).await, "error");
    // A command line that nobody understands.
    assert_eq!(kind(1, &["danse"]).await, "error");
}
