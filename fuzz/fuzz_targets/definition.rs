//! Whatever is written as a service's definition is read, or its mistakes are named; what is read
//! is written and read again as the same.
#![no_main]

use deckwatch_platform::local::ServiceDefinition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match ServiceDefinition::from_yaml(text) {
        Err(problems) => assert!(!problems.to_string().is_empty()),
        Ok(definition) => {
            let again = ServiceDefinition::from_yaml(&definition.to_yaml());
            assert_eq!(again.expect("what was read is read again"), definition);
        }
    }
});
