//! Panics, told where everything else is told.

/// From now on a panic is a line of the log, masked as all are, and not loose text on standard error.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("without a message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name().unwrap_or_default(), "panic: {message}");
    }));
}
