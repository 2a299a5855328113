//! What may be written next, decided outside of the model: constrained decoding.

/// Follows a turn while it is written and says which tokens may come next.
pub trait Guide: Send {
    /// Sets the logits of tokens that may not be next to minus infinity, and leaves at least one. An error, in words,
    /// ends the turn.
    fn restrict(&mut self, logits: &mut [f32]) -> Result<(), String>;

    /// Takes note of the token that was written.
    fn wrote(&mut self, token: u32) -> Result<(), String>;
}
