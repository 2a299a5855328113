//! tmp
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let a: Vec<String> = std::env::args().collect();
    let c = astra_model::convert_gguf(a[1].as_ref(), a[2].as_ref())?;
    let w = astra_model::Weights::load(a[2].as_ref())?;
    println!("{c:?} {}", w.data().len());
    Ok(())
}
