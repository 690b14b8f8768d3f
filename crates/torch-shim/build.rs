//! Compiles the C++ sources: libtorch offers these functions in C++ only.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=src/attempt.h");
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let libtorch = PathBuf::from(std::env::var_os("LIBTORCH").expect("LIBTORCH, see .cargo/config.toml"));
    let mut sources = vec![
        "src/cuda_graph.cc",
        "src/float32.cc",
        "src/random_state.cc",
        "src/ranks/store.cc",
        "src/ranks/sum.cc",
    ];
    if std::env::var_os("CARGO_FEATURE_HOST_READS").is_some() {
        sources.push("src/host_reads.cc");
    }
    for source in &sources {
        println!("cargo::rerun-if-changed={source}");
    }
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(libtorch.join("include"))
        .flag("-w") // libtorch's headers warn a lot
        .files(sources)
        .compile("longtail_torch_shim");
    println!("cargo::rustc-link-search=native={}", libtorch.join("lib").display());
    println!("cargo::rustc-link-lib=torch_cpu");
    println!("cargo::rustc-link-lib=c10");
}
