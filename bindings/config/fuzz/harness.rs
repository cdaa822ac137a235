//! What holds for every configuration file: shared by the fuzz target and the plain test.

use config::{Config, ConfigError};

/// Any octets: a configuration, or mistakes that each name their place in the file.
pub fn file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Config::parse("hub.toml", &text) {
        Ok(config) => assert!(!config.port.is_empty() && !config.tunnel.is_empty()),
        Err(ConfigError::Mistakes(mistakes)) => {
            assert!(!mistakes.is_empty());
            for mistake in &mistakes {
                assert!(mistake.to_string().starts_with("hub.toml:"), "{mistake}");
            }
        }
        Err(error) => panic!("no file was read: {error}"),
    }
}
