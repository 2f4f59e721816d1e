//! `Send` where the host has threads, nothing where it has not: the one target `cfg` of this crate.

cfg_if::cfg_if! {
    if #[cfg(target_arch = "wasm32")] {
        /// `Send` on hosts with threads; no requirement in a browser, where values stay in one worker.
        pub trait MaybeSend {}
        impl<T: ?Sized> MaybeSend for T {}
        /// `Sync` on hosts with threads; no requirement in a browser.
        pub trait MaybeSync {}
        impl<T: ?Sized> MaybeSync for T {}
        /// A boxed future, `Send` on hosts with threads.
        pub type BoxFuture<'a, T> = futures::future::LocalBoxFuture<'a, T>;
    } else {
        /// `Send` on hosts with threads; no requirement in a browser, where values stay in one worker.
        pub trait MaybeSend: Send {}
        impl<T: Send + ?Sized> MaybeSend for T {}
        /// `Sync` on hosts with threads; no requirement in a browser.
        pub trait MaybeSync: Sync {}
        impl<T: Sync + ?Sized> MaybeSync for T {}
        /// A boxed future, `Send` on hosts with threads.
        pub type BoxFuture<'a, T> = futures::future::BoxFuture<'a, T>;
    }
}
