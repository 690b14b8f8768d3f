//! Arrays: the named tensors of a safetensors or npz file.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use half::f16;
use npyz::npz::{NpzArchive, file_name_from_array_name};
use npyz::{DType, Deserialize, NpyFile, Order, TypeChar};
use tch::Tensor;
use tch::kind::Element;

/// What is looked for in a file; other arrays may be of any kind.
const WANTED: [&str; 6] = ["features", "labels", "weight", "bias", "class_counts", NEXT_EPOCH];
/// What only a checkpoint has.
const NEXT_EPOCH: &str = "next_epoch";

/// A file's arrays by name.
#[derive(Debug)]
pub(crate) struct Arrays {
    wanted: HashMap<String, Tensor>,
    /// Names of all arrays, sorted.
    names: Vec<String>,
}

impl Arrays {
    /// Reads a `.safetensors` or a `.npz` file.
    ///
    /// # Errors
    /// If the file has another ending, cannot be read or is damaged, or an array has a kind that tensors do not have.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Arrays> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => safetensors(path),
            Some("npz") => npz(path),
            _ => bail!(
                "it is neither a .safetensors nor a .npz file; save `features` [n, d] and `labels` [n] as one of these"
            ),
        }
    }

    /// Whether a run has left this file.
    pub(crate) fn is_checkpoint(&self) -> bool {
        self.wanted.contains_key(NEXT_EPOCH)
    }

    /// Takes an array out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Tensor> {
        self.wanted.remove(name)
    }

    /// Takes an array out that has to be there.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn require(&mut self, name: &str) -> anyhow::Result<Tensor> {
        let found = if self.names.is_empty() {
            "no array".to_owned()
        } else {
            format!("`{}`", self.names.join("`, `"))
        };
        self.take(name)
            .ok_or_else(|| anyhow!("it has no array `{name}`, it has {found}; save `features` [n, d] and `labels` [n]"))
    }
}

fn safetensors(path: &Path) -> anyhow::Result<Arrays> {
    let tensors = Tensor::read_safetensors(path).context("it is not a sound safetensors file; save it again")?;
    let mut names: Vec<String> = tensors.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    Ok(Arrays {
        wanted: tensors
            .into_iter()
            .filter(|(name, _)| WANTED.contains(&name.as_str()))
            .collect(),
        names,
    })
}

fn npz(path: &Path) -> anyhow::Result<Arrays> {
    let mut archive = NpzArchive::open(path).context("it is not a sound npz file; save it again")?;
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort();
    let mut wanted = HashMap::new();
    for name in WANTED {
        if names.iter().any(|found| found == name) {
            let tensor =
                entry(&mut archive, name).with_context(|| format!("`{name}` cannot be read; save it again"))?;
            wanted.insert(name.to_owned(), tensor);
        }
    }
    Ok(Arrays { wanted, names })
}

/// Reads an array to its end before it is understood: only then has its checksum been compared.
fn entry(archive: &mut NpzArchive<impl Read + Seek>, name: &str) -> anyhow::Result<Tensor> {
    let mut bytes = Vec::new();
    let mut file = archive.zip_archive().by_name(&file_name_from_array_name(name))?;
    file.read_to_end(&mut bytes)?;
    tensor(NpyFile::new(bytes.as_slice())?)
}

/// A NumPy array of any byte order and either order of axes; unsigned numbers become i64.
fn tensor(array: NpyFile<impl Read>) -> anyhow::Result<Tensor> {
    let mut shape = array
        .shape()
        .iter()
        .map(|&size| i64::try_from(size))
        .collect::<Result<Vec<_>, _>>()?;
    let (order, dtype) = (array.order(), array.dtype());
    let kind = match &dtype {
        DType::Plain(kind) => Some((kind.type_char(), kind.size_field())),
        _ => None,
    };
    let flat = match kind {
        Some((TypeChar::Float, 2)) => values::<f16>(array)?,
        Some((TypeChar::Float, 4)) => values::<f32>(array)?,
        Some((TypeChar::Float, 8)) => values::<f64>(array)?,
        Some((TypeChar::Int, 1)) => values::<i8>(array)?,
        Some((TypeChar::Int, 2)) => values::<i16>(array)?,
        Some((TypeChar::Int, 4)) => values::<i32>(array)?,
        Some((TypeChar::Int, 8)) => values::<i64>(array)?,
        Some((TypeChar::Uint, 1)) => values::<u8>(array)?,
        Some((TypeChar::Uint, 2)) => unsigned::<u16>(array)?,
        Some((TypeChar::Uint, 4)) => unsigned::<u32>(array)?,
        Some((TypeChar::Uint, 8)) => unsigned::<u64>(array)?,
        _ => bail!(
            "it is of kind {}; convert features to float32 and labels to int64",
            dtype.descr()
        ),
    };
    if order == Order::C {
        return Ok(flat.f_reshape(&shape)?);
    }
    shape.reverse(); // Fortran's order is that of the transposed array
    let axes: Vec<i64> = (0..shape.len() as i64).rev().collect();
    Ok(flat.f_reshape(&shape)?.permute(axes))
}

fn values<T: Deserialize + Element>(array: NpyFile<impl Read>) -> anyhow::Result<Tensor> {
    Ok(Tensor::from_slice(&array.into_vec::<T>()?))
}

fn unsigned<T: Deserialize>(array: NpyFile<impl Read>) -> anyhow::Result<Tensor>
where
    i64: TryFrom<T, Error: std::error::Error + Send + Sync + 'static>,
{
    let numbers = array.into_vec::<T>()?.into_iter().map(i64::try_from);
    Ok(Tensor::from_slice(&numbers.collect::<Result<Vec<i64>, _>>()?))
}
