# The everyday tasks in this checkout. Without just, ./justw runs them: it installs just first.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

# Crates that other programs may depend on.
published := "-p longtail-nc -p longtail-datasets -p longtail-models -p longtail-torch-shim -p longtail-methods"

# List the recipes.
[private]
default:
    @{{ quote(just_executable()) }} --list --unsorted

# Run or resume a grid, from benchmarks/ or another file, and print its tables: just reproduce shapes-lt --seeds 0
reproduce name *options: _libtorch
    @cargo run --release -p longtail-reproduce -- run "$@"

# Print the runs of a grid without training.
plan name *options: _libtorch
    @cargo run --release -p longtail-reproduce -- plan "$@"

# Print which runs of a grid are finished, interrupted or still to do: just status shapes-lt --watch
status name *options: _libtorch
    @cargo run --release -p longtail-reproduce -- status "$@"

# Rewrite a grid's tables and their page from its finished runs, and look at it: just report shapes-lt --open
report name *options: _libtorch
    @cargo run --release -p longtail-reproduce -- report "$@"

# Print which data sets are available and which are missing.
data *options: _libtorch
    @cargo run --release -p longtail-reproduce -- data "$@"

# Compare methods, with intervals and verdicts: just compare shapes-lt nc-drw ce
compare *options: _libtorch
    @cargo run --release -p longtail-reproduce -- compare "$@"

# Train a small grid and compare its accuracies with the committed baseline: just accuracy, just accuracy --confirm 2
accuracy *options: _libtorch
    @cargo run --release -p longtail-reproduce -- check benchmarks/regression.toml --baseline benchmarks/regression-baseline.json "$@"

# Measure and draw neural collapse: just analyze out/shapes-lt/runs/ce.r100.s0.12d3b2b1 mine=features.npz
analyze *options: _libtorch
    @cargo run --release -p longtail-reproduce -- analyze "$@"

# Print every method that a grid can name, as docs/methods.md has them: just methods > docs/methods.md
methods: _libtorch
    @cargo run --release -p longtail-reproduce -- methods

# Put the program and its grids into a wheel in dist/, for people with Python and torch 2.11.0 (docs/pytorch.md).
wheel *program: _libtorch
    scripts/wheel "$@"

# Run all tests, each in its own process: just test resume
test *filter: _libtorch
    OMP_NUM_THREADS=1 scripts/cargo-tool nextest run --workspace "$@"
    {{ if filter == "" { "OMP_NUM_THREADS=1 cargo test --workspace --doc" } else { "" } }}

# Run end-to-end tests and the embedded grid in other arithmetics than the usual one of this processor: bf16, and kernels for AVX2 alone.
test-arithmetics: _libtorch
    #!/usr/bin/env bash
    set -euo pipefail
    end_to_end() { OMP_NUM_THREADS=1 scripts/cargo-tool nextest run --workspace --test end-to-end -E "test(/^($1)::/)"; }
    embedded_grid() { scripts/embedded-grid --program "${CARGO_TARGET_DIR:-target}/debug/reproduce" --seeds 0 "$1"; }
    has() { grep -qE "^flags.*\b($1)\b" /proc/cpuinfo; }
    all='exchange|kill_and_resume|main_job|processes|second_stages|warm_starts|weights'
    # Without instructions for bf16, nobody trains in it, and it is slow.
    if has 'avx512_bf16|amx_bf16'; then
        LONGTAIL_TEST_PRECISION=bf16 end_to_end "$all"
        embedded_grid bf16
    else
        LONGTAIL_TEST_PRECISION=bf16 end_to_end 'second_stages|weights'
    fi
    # Without AVX-512, the usual kernels are those for AVX2.
    if has avx512f; then
        ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 end_to_end "$all"
        embedded_grid avx2
    fi

# The accuracy gate as CI runs it: with the program that the tests have built, its verdicts in target/accuracy/.
test-accuracy: _libtorch
    mkdir -p target/accuracy
    "${CARGO_TARGET_DIR:-target}/debug/reproduce" check benchmarks/regression.toml --baseline benchmarks/regression-baseline.json \
        --precision f32 --device cpu --confirm 2 --junit target/accuracy/junit.xml | tee target/accuracy/verdicts.md

# Break the product in twelve small ways and see whether the accuracy gate notices: just mutations, just mutations drw-never
mutations *names: _libtorch
    scripts/mutations "$@"

# Kill a small grid many times, and compare its results with those of an uninterrupted one: just storm 1000
storm kills="100" seed="0": _libtorch
    STORM_KILLS="$1" STORM_SEED="$2" scripts/cargo-tool nextest run --workspace --test end-to-end storm

# Check format, lints and documentation.
lint: _libtorch
    cargo fmt --check
    cargo clippy --locked --workspace --all-targets --features longtail-reproduce/fuzz -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    scripts/cargo-tool deny --offline --workspace check licenses bans sources
    cargo package --quiet --no-verify --allow-dirty {{ published }}

# The documents as a book in target/book/; needs mdBook: cargo install mdbook.
book:
    mdbook build docs

# Everything that CI runs, except the other arithmetics and the accuracy gate.
check: lint test

# Measure speed, as the baseline of later comparisons: just bench, just bench step
bench *filter: _libtorch
    OMP_NUM_THREADS=1 cargo bench --workspace --bench '*' -- --save-baseline main "$@"
    @scripts/bench-table

# Measure speed again, and report what became slower or faster than in the last `just bench`: just bench-compare step
bench-compare *filter: _libtorch
    OMP_NUM_THREADS=1 cargo bench --workspace --bench '*' -- --baseline main "$@"

# Feed a million damaged files to one of the parsers of `just fuzz list`: just fuzz npz_archive, just fuzz grid 10000
fuzz target executions="1000000": _libtorch
    cd fuzz && BOLERO_RANDOM_ITERATIONS="$2" OMP_NUM_THREADS=1 nice cargo test --target-dir ../target --test foreign_bytes -- \
        {{ if target == "list" { "--list" } else { '"$1" --nocapture' } }}

_libtorch:
    @scripts/libtorch
