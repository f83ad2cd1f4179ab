//! What both sides can ask of a channel, and do to it.

/// Gives a handle the methods that senders and receivers have in common.
macro_rules! common {
    ($handle:ident, $count:ident, $side:expr, $how:expr) => {
        impl<T> $handle<T> {
            /// Closes the channel, unless it is closed already: the first reason wins. Tells whether this call closed
            /// it.
            ///
            /// No value is sent after it; those sent before are still received, and then every receive says how and why
            /// the channel was closed. Blocked sends end with their value and that same answer. In a rendezvous
            /// channel there is nothing to drain. O(waiters).
            pub fn close(&self, reason: impl Into<Reason>) -> bool {
                self.shared.close($how, reason.into())
            }

            /// Whether the channel is closed. There may still be values to receive.
            pub fn is_closed(&self) -> bool {
                self.shared.is_closed()
            }

            /// How many values are in the channel, at some moment during the call.
            pub fn len(&self) -> usize {
                self.shared.len()
            }

            /// Whether no value was in the channel, at some moment during the call. A rendezvous channel is always
            /// empty.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether there was no room, at some moment during the call. A rendezvous channel is always full.
            pub fn is_full(&self) -> bool {
                self.capacity().is_some_and(|capacity| self.len() == capacity)
            }

            /// For how many values there is room: 0 in a rendezvous channel, `None` in an unbounded one.
            pub fn capacity(&self) -> Option<usize> {
                self.shared.capacity()
            }

            /// Whether both are handles of one channel.
            pub fn same_channel(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.shared, &other.shared)
            }

            /// Names the channel, for messages and reports; the last name counts.
            pub fn set_name(&self, name: impl Into<Cow<'static, str>>) {
                self.shared.set_name(name.into());
            }

            /// The name of the channel, if it has one.
            pub fn name(&self) -> Option<Cow<'static, str>> {
                self.shared.name()
            }
        }

        impl<T> $handle<T> {
            /// Declares that the current agent alone uses this handle, for as long as it is held: see [`Held`].
            ///
            /// Once all handles of a channel are held, on both sides, the [wait-for graph](crate::waitfor) knows who
            /// could end a wait on it, and finds deadlocks that go through it. To send and to receive costs the same.
            ///
            /// # Examples
            /// ```
            /// use reweave_core::channel;
            /// use reweave_core::sync::thread;
            ///
            /// let (tx, rx) = channel::rendezvous();
            /// let sender = thread::spawn(move || {
            ///     let tx = tx.hold();
            ///     tx.send("hello").unwrap();
            /// });
            /// let rx = rx.hold();
            /// assert_eq!(rx.recv(), Ok("hello"));
            /// sender.join().unwrap();
            /// ```
            pub fn hold(self) -> Held<Self> {
                Held::new(self)
            }
        }

        impl<T> Notes for $handle<T> {
            fn note(&self, holder: Agent) {
                self.shared.record.note($side, holder);
            }

            fn erase(&self, holder: Agent) {
                self.shared.record.erase($side, holder);
            }
        }

        impl<T> Clone for $handle<T> {
            fn clone(&self) -> Self {
                Shared::<T>::arrive(&self.shared.record.$count);
                Self { shared: self.shared.clone() }
            }
        }

        impl<T> fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle))
                    .field("name", &self.name())
                    .field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .field("closed", &self.is_closed())
                    .finish()
            }
        }

        // A panic leaves a channel as it was: no user code runs between two steps of an operation.
        impl<T> UnwindSafe for $handle<T> {}
        impl<T> RefUnwindSafe for $handle<T> {}
    };
}

pub(super) use common;
