//! Named places at which a process ends itself, in builds that are made to be tried so.
//!
//! With the feature `kill-points`, `SERENO_KILL_POINT=NAME:N` ends the process when it passes NAME for the
//! N-th time. Without it the macro is empty and no name of a place is in the binary; a test looks.

/// Ends the process here when the environment says so; nothing without the feature `kill-points`.
#[cfg(feature = "kill-points")]
macro_rules! kill_point {
    ($name:literal) => {
        $crate::kill_point::pass($name)
    };
}

/// Nothing: the feature `kill-points` is off.
#[cfg(not(feature = "kill-points"))]
macro_rules! kill_point {
    ($name:literal) => {};
}

/// Somebody passes a place.
#[cfg(feature = "kill-points")]
pub(crate) fn pass(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[expect(clippy::disallowed_methods, reason = "no setting of sereno: only builds made for tests read it")]
    static ARMED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let armed = std::env::var("SERENO_KILL_POINT").ok()?;
        let (name, times) = armed.rsplit_once(':')?;
        Some((name.to_owned(), times.parse().ok()?))
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);
    if let Some((armed, times)) = &*ARMED
        && armed == name
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *times
    {
        std::process::abort();
    }
}
