//! The small pieces of work that large figures are made of: `cargo bench --bench small`.

mod commit;
mod decide;
mod send;
mod shop;

fn main() {
    divan::main();
}
