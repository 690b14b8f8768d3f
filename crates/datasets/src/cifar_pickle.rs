use crate::pickle::{Pickle, Value};
use crate::records::{IMAGE_BYTES, Records};

/// Reads one batch of the Python layout: a pickled dictionary with a list of labels and a NumPy array of images.
///
/// # Errors
/// A phrase that says what differs from a batch of `count` images.
pub(crate) fn parse(bytes: &[u8], label_key: &str, count: usize) -> Result<Records, String> {
    let pickle = Pickle::read(bytes).map_err(|problem| format!("unreadable pickle: {problem}"))?;
    let Value::Dict(batch) = pickle.value else {
        return Err("expected a dictionary".to_owned());
    };
    let entry = |key: &str| pickle.entry(batch, key).ok_or(format!("no entry `{key}`"));
    let (labels, array) = (entry(label_key)?, entry("data")?);
    let labels = label_list(&pickle, labels).ok_or(format!("entry `{label_key}` is not a list of whole numbers"))?;
    let (shape, pixels) = array_state(&pickle, array).ok_or("entry `data` is not a NumPy array in C order")?;
    if labels.len() != count {
        return Err(format!("{} labels, expected {count}", labels.len()));
    }
    if shape != [count as i64, IMAGE_BYTES as i64] {
        return Err(format!(
            "an array of images of shape {shape:?}, expected {:?}",
            [count, IMAGE_BYTES]
        ));
    }
    if pixels.len() != count * IMAGE_BYTES {
        return Err(format!(
            "{} bytes of images, expected {}",
            pixels.len(),
            count * IMAGE_BYTES
        ));
    }
    Ok(Records { labels, pixels })
}

fn label_list(pickle: &Pickle, value: Value) -> Option<Vec<i64>> {
    let Value::List(labels) = value else { return None };
    pickle.items(labels).iter().map(whole_number).collect()
}

fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// Shape and bytes from the state of an array: (version, shape, element type, Fortran order, bytes). The element type
/// is not checked: the number of bytes shows that an element is one byte.
fn array_state(pickle: &Pickle, value: Value) -> Option<(Vec<i64>, Vec<u8>)> {
    let Value::Tuple(state) = value else { return None };
    let [_, Value::Tuple(shape), _, Value::Bool(false), numbers] = pickle.items(state) else {
        return None;
    };
    let bytes = match numbers {
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Latin1(text) => text
            .chars()
            .map(|sign| u8::try_from(sign).ok())
            .collect::<Option<_>>()?,
        _ => return None,
    };
    let shape = pickle.items(*shape).iter().map(whole_number);
    Some((shape.collect::<Option<_>>()?, bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A batch as Python 2's `cPickle.dump({label_key: labels, "data": array}, file, 2)` writes it, opcode by opcode.
    pub(crate) fn like_python_2(label_key: &str, labels: &[u8], pixels: &[u8]) -> Vec<u8> {
        let short_string = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
        let number = |number: usize| [&b"J"[..], &(number as u32).to_le_bytes()].concat();
        [
            b"\x80\x02}q\x01(".to_vec(), // protocol 2, an empty dictionary, a mark
            short_string("batch_label"),
            short_string("training batch 1 of 5"),
            short_string(label_key),
            b"]q\x02(".to_vec(),
            labels.iter().flat_map(|&label| [b'K', label]).collect(),
            b"e".to_vec(), // append all labels since the mark
            short_string("data"),
            b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05".to_vec(),
            b"(K\x01".to_vec(), // the state: version 1, shape, element type, Fortran order, bytes
            number(labels.len()),
            number(IMAGE_BYTES),
            b"\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07".to_vec(),
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89".to_vec(),
            [&b"T"[..], &(pixels.len() as u32).to_le_bytes(), pixels].concat(),
            b"tbu.".to_vec(),
        ]
        .concat()
    }

    #[test]
    fn python_2_batch_is_read() {
        let pixels: Vec<u8> = (0..2 * IMAGE_BYTES).map(|at| (at % 251) as u8).collect();
        let records = parse(&like_python_2("labels", &[3, 255], &pixels), "labels", 2).unwrap();
        assert_eq!(
            records,
            Records {
                labels: vec![3, 255],
                pixels
            }
        );
    }

    #[test]
    fn python_3_batch_of_protocol_4_is_read() {
        // pickle.dumps({"labels": [7], "data": numpy.zeros((1, 3072), numpy.uint8)}, 4), NumPy 2.4.6
        let head = b"\x80\x04\x95\xa8\x0c\x00\x00\x00\x00\x00\x00}\x94(\x8c\x06labels\x94]\x94K\x07a\x8c\x04data\x94\
            \x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\
            \x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x01M\x00\x0c\x86\x94h\x07\x8c\x05dtype\x94\x93\x94\
            \x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94\
            b\x89B\x00\x0c\x00\x00";
        let bytes = [&head[..], &[0; IMAGE_BYTES], b"\x94t\x94bu."].concat();
        let records = parse(&bytes, "labels", 1).unwrap();
        assert_eq!(
            records,
            Records {
                labels: vec![7],
                pixels: vec![0; IMAGE_BYTES]
            }
        );
    }

    #[test]
    fn named_functions_are_not_called() {
        // os.system("false") pickled as a reduction.
        let error = parse(b"\x80\x02cos\nsystem\nU\x05false\x85R.", "labels", 1).unwrap_err();
        assert_eq!(error, "expected a dictionary");
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let pixels = [0; 2 * IMAGE_BYTES];
        let good = like_python_2("labels", &[0, 1], &pixels);
        let problem = |bytes: &[u8], key, count| parse(bytes, key, count).unwrap_err();
        assert_eq!(problem(&good, "fine_labels", 2), "no entry `fine_labels`");
        assert_eq!(
            problem(&good, "batch_label", 2),
            "entry `batch_label` is not a list of whole numbers"
        );
        assert_eq!(problem(&good, "labels", 3), "2 labels, expected 3");
        let short = like_python_2("labels", &[0, 1], &pixels[1..]);
        assert_eq!(problem(&short, "labels", 2), "6143 bytes of images, expected 6144");
        let cut = problem(&good[..good.len() - 1], "labels", 2);
        assert!(cut.starts_with("unreadable pickle: "), "{cut}");
        let no_array = b"\x80\x02}(U\x06labels]U\x04dataNu.";
        assert_eq!(
            problem(no_array, "labels", 0),
            "entry `data` is not a NumPy array in C order"
        );
    }
}
