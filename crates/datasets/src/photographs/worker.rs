//! A thread that reads photographs and makes their views.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use crate::photographs::draws::Showing;
use crate::photographs::error::ImageProblem;
use crate::photographs::index::{PhotographIndex, Stored};
use crate::photographs::ring::{Bad, Ring};
use crate::photographs::stream::StreamSettings;
use crate::photographs::viewer::Viewer;

/// A worker of a stream, with its buffers.
pub(crate) struct Worker {
    ring: Arc<Ring>,
    index: Arc<PhotographIndex>,
    order: Arc<[i64]>,
    settings: StreamSettings,
    viewer: Viewer,
    view: Vec<u8>,
}

impl Worker {
    pub(crate) fn new(
        ring: Arc<Ring>,
        index: Arc<PhotographIndex>,
        order: Arc<[i64]>,
        settings: StreamSettings,
        viewer: Viewer,
    ) -> Self {
        Worker {
            ring,
            index,
            order,
            settings,
            viewer,
            view: vec![0; settings.view.bytes()],
        }
    }

    /// Fills one place after the other until none is left.
    pub(crate) fn run(&mut self) {
        while let Some(position) = self.ring.clone().claim() {
            let (label, bad) = self.fill(position);
            self.ring.deliver(position, &self.view, label, bad);
        }
    }

    /// Makes the view for a place in the order. If its photograph cannot be read, looks for one that can among as many of the
    /// following as may be replaced. Returns the class of what is in `self.view`.
    fn fill(&mut self, position: usize) -> (i64, Option<Bad>) {
        let mut bad: Option<Bad> = None;
        let tries = (self.settings.skip_bad + 1).min(self.order.len());
        for further in 0..tries {
            let photograph = self.order[(position + further) % self.order.len()] as usize;
            match self.see(photograph, position) {
                Ok(()) => {
                    if let Some(bad) = &mut bad {
                        bad.is_replaced = true;
                    }
                    return (self.index.label(photograph), bad);
                }
                Err(problem) => {
                    bad.get_or_insert_with(|| Bad {
                        position,
                        path: self.index.path(photograph),
                        shard: self.index.shard(photograph).map(Path::to_owned),
                        problem,
                        is_replaced: false,
                    });
                }
            }
        }
        (0, bad)
    }

    fn see(&mut self, photograph: usize, position: usize) -> Result<(), ImageProblem> {
        let showing = Showing {
            seed: self.settings.seed,
            epoch: self.settings.epoch,
            position: position as u64,
        };
        // The viewer writes all of its buffers before it reads them, so it can be used again after a panic.
        without_panic(|| match self.index.stored(photograph) {
            Stored::File(path) => self.viewer.view_file(&path, showing, &mut self.view),
            Stored::Packed(pack, place) => self.viewer.view_packed(pack, place, showing, &mut self.view),
        })
    }
}

/// What `decode` returns; a panic in it is a problem of the image.
pub(crate) fn without_panic<T>(decode: impl FnOnce() -> Result<T, ImageProblem>) -> Result<T, ImageProblem> {
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    decoded.unwrap_or_else(|panic| Err(ImageProblem::Panicked(message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
        .to_owned()
}
