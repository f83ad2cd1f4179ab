//! Whatever the program, transactions of one thread do what plain variables would: see the library beside it.
//!
//! Built by cargo-fuzz it is a fuzz target; built plainly it replays the inputs in the files that it is given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    reweave_fuzz::run(data);
});

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        eprintln!("error: no input: give the files to replay, such as those in fuzz/artifacts/transactions/");
        return 2.into();
    }
    for file in files {
        match std::fs::read(&file) {
            Ok(data) => println!("{}: {:?}", file.display(), reweave_fuzz::run(&data)),
            Err(error) => {
                eprintln!("error: cannot read {}: {error}", file.display());
                return 2.into();
            }
        }
    }
    0.into()
}
