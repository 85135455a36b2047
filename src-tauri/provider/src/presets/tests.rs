use super::*;

#[test]
fn a_provider_has_the_preset_that_gave_it_its_id() {
    let of = |id: &str| {
        let provider = Provider::openai("http://localhost", None);
        let id = id.to_owned();
        preset_of(&Provider { id, ..provider }).map(|preset| preset.id)
    };
    assert_eq!(of("lmstudio"), Some("lmstudio"));
    assert_eq!(of("lmstudio-12"), Some("lmstudio"));
    assert_eq!(of("lmstudio-two"), None);
    assert_eq!(of(""), None);
}

#[test]
fn each_preset_is_complete() {
    let all = presets();
    for preset in &all {
        let same = all.iter().filter(|other| other.id == preset.id);
        assert_eq!(same.count(), 1, "{} is there once", preset.id);
        let secure = preset.base_url.starts_with("https://");
        assert!(
            secure || preset.local || preset.base_url.is_empty(),
            "a key never travels in the clear: {}",
            preset.base_url
        );
        assert!(!preset.base_url.ends_with('/'));
        assert_eq!(preset.needs_key, preset.key_url.is_some());
    }
}

#[test]
fn a_key_is_recognised_where_its_form_is_certain() {
    let of = |beginning: &str| {
        let preset = of_key(&format!("{beginning}0123456789abcdefghij"));
        preset.map(|preset| preset.id)
    };
    for (beginning, id) in [
        ("sk-ant-api03-", "anthropic"),
        ("sk-proj-", "openai"),
        ("sk-or-v1-", "openrouter"),
        ("AIza", "gemini"),
        ("gsk_", "groq"),
        ("xai-", "xai"),
        ("hf_", "huggingface"),
        ("pplx-", "perplexity"),
        ("csk-", "cerebras"),
        ("fw_", "fireworks"),
        ("github_pat_", "github"),
        ("tgp_v1_", "together"),
        (" sk-ant-", "anthropic"),
    ] {
        assert_eq!(of(beginning), Some(id), "{beginning}");
    }
    // OpenAI's old keys, DeepSeek's, Moonshot's and Alibaba's.
    for beginning in ["sk-", "", "SK-ANT-", "two words sk-ant-"] {
        assert_eq!(of(beginning), None, "{beginning}");
    }
    assert_eq!(of_key("sk-ant-"), None, "it is being typed");
    assert_eq!(of_key("gsk_0123456789 abcdefghij"), None);
}

#[test]
fn a_shared_beginning_is_not_certain() {
    for preset in presets() {
        for shared in preset.shared_key_prefixes {
            assert!(!preset.key_prefixes.contains(shared), "{}", preset.id);
        }
    }
}

#[test]
fn the_hosts_of_services_are_known() {
    assert!(is_service("https://api.openai.com/v2"));
    assert!(is_service("https://API.anthropic.com:8443"));
    for other in [
        "https://localhost/v1",
        "https://box.local",
        "http://127.0.0.1:1234/v1",
        "",
    ] {
        assert!(!is_service(other), "{other}");
    }
}

#[test]
fn no_beginning_of_a_key_is_two_providers() {
    let all: Vec<_> = presets()
        .into_iter()
        .flat_map(|preset| preset.key_prefixes)
        .collect();
    for one in &all {
        let same = all.iter().filter(|other| other.starts_with(**one));
        assert_eq!(same.count(), 1, "{one}");
    }
}
