//! The images of a run as its network sees them: a contact sheet, or their numbers.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use image::{ImageFormat, RgbImage};
use methods::{Images, first_batch};
use tch::{Device, Kind, Tensor};

use crate::files::{ANOTHER_OUT, replace, unwritable};
use crate::run::Run;
use crate::schedule::preflight::check_batch;
use crate::worker::splits::Splits;

/// The images to look at.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SeenSplit {
    /// Those of the first step of training, augmented
    Train,
    /// The first of the test split, as they are evaluated
    Test,
}

/// Space between the images of a sheet, pixels.
const MARGIN: usize = 2;

/// Images `[n, 3, h, w]` f32 on the scale 0..255, with their classes.
pub(crate) struct Seen {
    images: Tensor,
    labels: Vec<i64>,
    class_names: Vec<&'static str>,
}

impl Seen {
    /// The first `number` images of the first step of training, augmented, or of the test split, as they are evaluated.
    ///
    /// # Errors
    /// If the data cannot be read, or there are fewer images.
    pub(crate) fn of(run: &Run, split: SeenSplit, number: usize, data: Option<&Path>) -> anyhow::Result<Seen> {
        let data = run.dataset.load(data)?;
        let splits = Splits::new(run, &data)?;
        let facts = run.dataset.facts();
        let images_of = |split| Images::new(split, &facts.normalization, Device::Cpu);
        let (images, labels) = match split {
            SeenSplit::Train => {
                let (mut recipe, method) = run.stage();
                recipe.batch_size = recipe.batch_size.max(number as i64).min(splits.train.len() as i64);
                check_batch(run.dataset, recipe.batch_size)?;
                first_batch(&method, &recipe, &images_of(&splits.train), run.seed)?
            }
            SeenSplit::Test => {
                let first = Tensor::arange((number.min(data.test.len())) as i64, (Kind::Int64, Device::Cpu));
                let batch = images_of(&data.test).batch(&first)?;
                (batch.images.to_kind(Kind::Float), batch.labels)
            }
        };
        let there = labels.size()[0] as usize;
        ensure!(
            number <= there,
            "there are {there} images to look at; give --images {there} or less"
        );
        Ok(Seen {
            images: images.slice(0, 0, Some(number as i64), 1),
            labels: Vec::try_from(labels.slice(0, 0, Some(number as i64), 1))?,
            class_names: facts.class_names,
        })
    }

    /// Writes a sheet in rows of [`Seen::columns`] images (`.png`), or arrays `images [n, 3, h, w]` f32 and `labels [n]` (`.npz`).
    ///
    /// # Errors
    /// If the file's name ends otherwise, or it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        if let Some(folder) = folder {
            bail!(
                "{}: there is no such folder; make it, or {ANOTHER_OUT}",
                folder.display()
            );
        }
        let written = match extension {
            Some("png") => {
                let sheet = self.sheet().context("an image has as many pixels as its size says")?;
                replace(path, |temporary| {
                    sheet
                        .save_with_format(temporary, ImageFormat::Png)
                        .map_err(std::io::Error::other)
                })
            }
            Some("npz") => {
                let labels = Tensor::from_slice(&self.labels);
                let arrays = [("images", &self.images), ("labels", &labels)];
                replace(path, |temporary| {
                    Tensor::write_npz(&arrays, temporary).map_err(std::io::Error::other)
                })
            }
            _ => bail!("{}: name a file that ends in .png or .npz with --out", path.display()),
        };
        written.map_err(|error| unwritable(path, error, ANOTHER_OUT))
    }

    /// Images in a row of the sheet.
    fn columns(&self) -> usize {
        (self.labels.len() as f64).sqrt().ceil().max(1.0) as usize
    }

    fn sheet(&self) -> Option<RgbImage> {
        let [_, _, height, width] = self.images.size()[..] else {
            return None;
        };
        let (height, width) = (height as usize, width as usize);
        let columns = self.columns();
        let rows = self.labels.len().div_ceil(columns);
        let (stride_x, stride_y) = (width + MARGIN, height + MARGIN);
        let mut sheet = RgbImage::from_pixel(
            (columns * stride_x - MARGIN) as u32,
            (rows * stride_y - MARGIN) as u32,
            image::Rgb([255; 3]),
        );
        let pixels = self
            .images
            .round()
            .clamp(0.0, 255.0)
            .to_kind(Kind::Uint8)
            .permute([0, 2, 3, 1]);
        for number in 0..self.labels.len() {
            let bytes = Vec::<u8>::try_from(pixels.get(number as i64).contiguous().view(-1)).ok()?;
            let image = RgbImage::from_raw(width as u32, height as u32, bytes)?;
            let (x, y) = (number % columns * stride_x, number / columns * stride_y);
            image::imageops::replace(&mut sheet, &image, x as i64, y as i64);
        }
        Some(sheet)
    }

    /// The classes of the images, a line for each row of the sheet.
    pub(crate) fn classes(&self) -> String {
        let name = |&label: &i64| {
            self.class_names
                .get(label as usize)
                .map_or_else(|| label.to_string(), ToString::to_string)
        };
        let rows = self.labels.chunks(self.columns());
        rows.map(|row| row.iter().map(name).collect::<Vec<_>>().join(", ") + "\n")
            .collect()
    }
}
