//! The gateway of `serve` on a store whose bodies are in S3, also while S3 does not answer.

use promptbook::{Bump, EnvironmentName, NewPrompt, NewVersion, PromptId, StoreOptions};
use serde_json::json;

use crate::postgres_server::new_url;
use crate::s3_proxy::{S3Fault, S3Proxy};
use crate::s3_server::s3_server;
use crate::served::{Answer, Served};
use crate::support::body;
use crate::upstream_server::ScriptedUpstream;

#[test]
fn the_gateway_merges_prompts_whose_bodies_are_in_s3() {
    let (Some(server), Some(tables)) = (s3_server(), new_url()) else {
        return;
    };
    let proxy = S3Proxy::start(&server.endpoint);
    let url = format!("{tables}&{}", server.new_parameters_by(&proxy.endpoint));
    let store = StoreOptions::new().create_url(&url).unwrap();
    let prompt: PromptId = "merged".parse().unwrap();
    let new = NewPrompt::new("merged", body("Greet {{hc:name:string}}")).id(prompt);
    let first = store.create_prompt(new).unwrap().version;
    store.checkpoint().unwrap();
    let answer = json!({"choices": []});
    let upstream = ScriptedUpstream::with_json(200, &answer);
    let start = || Served::start_with(&url, &["--upstream", &upstream.url, "--record-inputs"]);
    let ask = |served: &Served| -> Answer {
        let request = json!({"prompt_id": prompt, "inputs": {"name": "Ada"}});
        served.call("/v1/chat/completions", Some(&request))
    };
    let received = || {
        let all = upstream.received();
        let last = all.last().unwrap().json["messages"][0]["content"].clone();
        (all.len(), last)
    };
    let (warm, cold) = (start(), start());
    assert_eq!(ask(&warm).2, answer);
    assert_eq!(received(), (1, json!("Greet Ada")));
    assert_eq!(store.export().unwrap()[0].versions[0].inputs.len(), 1);

    // Without its body, a prompt is not sent. A client may ask again.
    proxy.set(S3Fault::Gone);
    let (status, retry, _) = ask(&cold);
    assert_eq!((status, retry.as_deref()), (503, Some("1")));
    assert_eq!(ask(&warm).2, answer);
    assert_eq!(received(), (2, json!("Greet Ada")));
    // The next version's body is in Postgres.
    let next = NewVersion::new(prompt, body("Hello {{hc:name:string}}")).bump(Bump::Minor);
    let next = store.commit(next).unwrap();
    let production = EnvironmentName::production();
    store.set_environment(prompt, production, next.id).unwrap();
    for (served, count) in [(&warm, 3), (&cold, 4)] {
        assert_eq!(ask(served).2, answer);
        assert_eq!(received(), (count, json!("Hello Ada")));
    }

    proxy.set(S3Fault::None);
    store
        .set_environment(prompt, EnvironmentName::production(), first.id)
        .unwrap();
    assert_eq!(ask(&cold).2, answer);
    assert_eq!(received(), (5, json!("Greet Ada")));
}
