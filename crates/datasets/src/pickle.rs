//! A reader of Python pickles that hold lists, dictionaries and arrays.
//!
//! A pickle is a program for a stack machine, and may name any function. This reader calls none: a name stays a name,
//! and an object is represented by the state that it would be restored from. Values refer to containers by their index
//! in one list, so a value takes the same few bytes however deeply it is nested and however often it is repeated:
//! memory is bounded by the length of the pickle, and no traversal is recursive.

use std::collections::HashMap;

/// A value of the kinds that batches of images consist of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Int(i64),
    /// Python 2's text or Python 3's bytes.
    Bytes(&'a [u8]),
    Text(&'a str),
    /// Bytes that Python 3 writes as text for the sake of Python 2: every character is a byte.
    Latin1(&'a str),
    List(Place),
    Tuple(Place),
    Dict(Place),
    /// The function that turns [`Value::Latin1`] into bytes.
    Encode,
    /// Anything else: None, a fractional number, a function or its result.
    Other,
}

/// Index of a container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place(usize);

/// A pickle that has been read completely.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    pub(crate) value: Value<'a>,
    /// Items of lists and tuples; keys and values of dictionaries in turn.
    containers: Vec<Vec<Value<'a>>>,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle of protocol 2 to 5.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Pickle<'a>, String> {
        let mut machine = Machine {
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            containers: Vec::new(),
        };
        let value = machine
            .run()
            .map_err(|problem| format!("{problem} at byte {}", machine.at))?;
        let containers = machine.containers;
        Ok(Pickle { value, containers })
    }

    /// Items of a list or tuple.
    pub(crate) fn items(&self, Place(place): Place) -> &[Value<'a>] {
        &self.containers[place]
    }

    /// The last value set under `key`, in Python 2's text or Python 3's.
    pub(crate) fn entry(&self, Place(dictionary): Place, key: &str) -> Option<Value<'a>> {
        let (entries, _) = self.containers[dictionary].as_chunks::<2>();
        let is_it = |found: Value| found == Value::Text(key) || found == Value::Bytes(key.as_bytes());
        let last = entries.iter().rev().find(|[found, _]| is_it(*found));
        last.map(|[_, value]| *value)
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    /// Next byte to be read.
    at: usize,
    stack: Vec<Value<'a>>,
    /// Lengths of the stack at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    containers: Vec<Vec<Value<'a>>>,
}

impl<'a> Machine<'a> {
    /// Runs to the opcode that ends a pickle. Comments give the opcodes' names in Python's `pickletools`.
    fn run(&mut self) -> Result<Value<'a>, String> {
        loop {
            let opcode = self.number(1)?;
            match opcode as u8 {
                0x80 => drop(self.take(1)?), // PROTO
                0x95 => drop(self.take(8)?), // FRAME
                b'.' => {
                    let value = self.pop()?; // STOP
                    let rest = self.bytes.len() - self.at;
                    return if rest == 0 {
                        Ok(value)
                    } else {
                        Err(format!("{rest} bytes too many"))
                    };
                }
                b'(' => self.marks.push(self.stack.len()), // MARK

                b'q' => self.memoize(1)?, // BINPUT
                b'r' => self.memoize(4)?, // LONG_BINPUT
                0x94 => {
                    let top = self.top()?; // MEMOIZE
                    self.memo.insert(self.memo.len() as u32, top);
                }
                b'h' => self.remember(1)?, // BINGET
                b'j' => self.remember(4)?, // LONG_BINGET

                b'N' => self.stack.push(Value::Other),       // NONE
                0x88 => self.stack.push(Value::Bool(true)),  // NEWTRUE
                0x89 => self.stack.push(Value::Bool(false)), // NEWFALSE
                b'K' => self.whole_number(1)?,               // BININT1
                b'M' => self.whole_number(2)?,               // BININT2
                b'J' => {
                    let number = self.number(4)?; // BININT
                    self.stack.push(Value::Int(i64::from(number as u32 as i32)));
                }
                0x8a => {
                    let length = self.number(1)?; // LONG1
                    let number = long(self.take(length)?);
                    self.stack.push(number);
                }
                b'G' => {
                    self.take(8)?; // BINFLOAT
                    self.stack.push(Value::Other);
                }

                b'U' | b'C' => self.bytes(1)?, // SHORT_BINSTRING, SHORT_BINBYTES
                b'T' | b'B' => self.bytes(4)?, // BINSTRING, BINBYTES
                0x8e | 0x96 => self.bytes(8)?, // BINBYTES8, BYTEARRAY8
                0x8c => self.text(1)?,         // SHORT_BINUNICODE
                b'X' => self.text(4)?,         // BINUNICODE
                0x8d => self.text(8)?,         // BINUNICODE8

                b']' => self.put(Vec::new(), Value::List),  // EMPTY_LIST
                b'}' => self.put(Vec::new(), Value::Dict),  // EMPTY_DICT
                b')' => self.put(Vec::new(), Value::Tuple), // EMPTY_TUPLE
                0x85 => self.tuple(1)?,                     // TUPLE1
                0x86 => self.tuple(2)?,                     // TUPLE2
                0x87 => self.tuple(3)?,                     // TUPLE3
                b't' => {
                    let items = self.pop_to_mark()?; // TUPLE
                    self.put(items, Value::Tuple);
                }
                b'a' => {
                    let item = self.pop()?; // APPEND
                    self.extend([item])?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?); // SETITEM
                    self.extend([key, value])?;
                }
                b'e' | b'u' => {
                    let items = self.pop_to_mark()?; // APPENDS, SETITEMS
                    self.extend(items)?;
                }

                b'c' => {
                    let (module, name) = (self.line()?, self.line()?); // GLOBAL
                    self.stack.push(named(module, name));
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?); // STACK_GLOBAL
                    let (Value::Text(name), Value::Text(module)) = (name, module) else {
                        return Err("a function without a name".to_owned());
                    };
                    self.stack.push(named(module.as_bytes(), name.as_bytes()));
                }
                b'R' | 0x81 => {
                    let (arguments, function) = (self.pop()?, self.pop()?); // REDUCE, NEWOBJ
                    let made = self.made_by(function, arguments);
                    self.stack.push(made);
                }
                b'b' => {
                    let state = self.pop()?; // BUILD
                    self.pop()?;
                    self.stack.push(state);
                }
                other => return Err(format!("opcode {other:#04x}, which batches of images do not have,")),
            }
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or_else(|| format!("{length} bytes expected, {} found", rest.len()))?;
        self.at += taken.len();
        Ok(taken)
    }

    /// A little-endian number of `size` bytes, at most 8.
    fn number(&mut self, size: u64) -> Result<u64, String> {
        let bytes = self.take(size)?.iter().rev();
        Ok(bytes.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n');
        let line = self.take(length.ok_or("a line without an end")? as u64)?;
        self.at += 1;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        // Values below a mark belong to an unfinished container.
        let is_there = self.stack.len() > self.marks.last().copied().unwrap_or(0);
        let top = if is_there { self.stack.pop() } else { None };
        top.ok_or_else(|| "an empty stack".to_owned())
    }

    fn top(&mut self) -> Result<Value<'a>, String> {
        self.stack.last().copied().ok_or_else(|| "an empty stack".to_owned())
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn memoize(&mut self, size: u64) -> Result<(), String> {
        let key = self.number(size)? as u32;
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn remember(&mut self, size: u64) -> Result<(), String> {
        let key = self.number(size)? as u32;
        let value = self.memo.get(&key).ok_or_else(|| format!("no memo entry {key}"))?;
        self.stack.push(*value);
        Ok(())
    }

    fn whole_number(&mut self, size: u64) -> Result<(), String> {
        let number = self.number(size)?;
        self.stack.push(Value::Int(number as i64));
        Ok(())
    }

    fn bytes(&mut self, size: u64) -> Result<(), String> {
        let length = self.number(size)?;
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(bytes));
        Ok(())
    }

    fn text(&mut self, size: u64) -> Result<(), String> {
        let length = self.number(size)?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "text that is not UTF-8")?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn put(&mut self, items: Vec<Value<'a>>, kind: fn(Place) -> Value<'a>) {
        self.stack.push(kind(Place(self.containers.len())));
        self.containers.push(items);
    }

    fn tuple(&mut self, length: usize) -> Result<(), String> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.put(items, Value::Tuple);
        Ok(())
    }

    fn extend(&mut self, items: impl IntoIterator<Item = Value<'a>>) -> Result<(), String> {
        let top = self.top()?;
        let (Value::List(Place(place)) | Value::Dict(Place(place))) = top else {
            return Err("items for something other than a list or dictionary".to_owned());
        };
        self.containers[place].extend(items);
        if matches!(top, Value::Dict(_)) && self.containers[place].len() % 2 == 1 {
            return Err("a key without a value".to_owned());
        }
        Ok(())
    }

    fn made_by(&self, function: Value<'a>, arguments: Value<'a>) -> Value<'a> {
        match (function, arguments) {
            (Value::Encode, Value::Tuple(Place(place))) => match self.containers[place].first() {
                Some(Value::Text(text)) => Value::Latin1(text),
                _ => Value::Other,
            },
            _ => Value::Other,
        }
    }
}

fn named<'a>(module: &[u8], name: &[u8]) -> Value<'a> {
    match (module, name) {
        (b"_codecs", b"encode") => Value::Encode,
        _ => Value::Other,
    }
}

/// A number in two's complement; one of more than 8 bytes is [`Value::Other`].
fn long<'a>(bytes: &[u8]) -> Value<'a> {
    if bytes.len() > 8 {
        return Value::Other;
    }
    let is_negative = bytes.last().is_some_and(|&byte| byte & 0x80 != 0);
    let mut padded = [if is_negative { 0xff } else { 0 }; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(padded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Result<Value<'_>, String> {
        Pickle::read(bytes).map(|pickle| pickle.value)
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        assert_eq!(value(b"\x80\x02K\xff."), Ok(Value::Int(255)));
        assert_eq!(value(b"M\xff\xff."), Ok(Value::Int(65_535)));
        assert_eq!(value(b"J\xfe\xff\xff\xff."), Ok(Value::Int(-2)));
        assert_eq!(value(b"\x8a\x02\xff\x7f."), Ok(Value::Int(32_767)));
        assert_eq!(value(b"\x8a\x01\xff."), Ok(Value::Int(-1)));
        assert_eq!(value(b"\x8a\x00."), Ok(Value::Int(0)));
        assert_eq!(value(b"\x8a\x09123456789."), Ok(Value::Other));
    }

    #[test]
    fn text_that_encodes_bytes_is_recognised() {
        let python_3 = b"c_codecs\nencode\nX\x02\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86R.";
        assert_eq!(value(python_3), Ok(Value::Latin1("\u{ff}")));
    }

    #[test]
    fn nested_and_repeated_values_take_no_more_memory_than_flat_ones() {
        let deep = [&b"N"[..], &b"\x85".repeat(1_000_000), b"."].concat();
        assert!(matches!(value(&deep), Ok(Value::Tuple(_))));
        // Each list holds the one before it twice: as values of their own 2⁶⁴ of them.
        let doubled = [&b"]q\x00"[..], &b"](h\x00h\x00eq\x00".repeat(64), b"."].concat();
        let pickle = Pickle::read(&doubled).unwrap();
        assert_eq!(pickle.containers.iter().map(Vec::len).sum::<usize>(), 128);
        // A list that holds itself.
        assert!(matches!(value(b"]q\x00h\x00a."), Ok(Value::List(_))));
    }

    #[test]
    fn errors_name_the_problem_and_its_position() {
        let problem = |bytes: &[u8]| value(bytes).unwrap_err();
        assert_eq!(problem(b""), "1 bytes expected, 0 found at byte 0");
        assert_eq!(
            problem(b"B\xff\xff\xff\xffabc."),
            "4294967295 bytes expected, 4 found at byte 5"
        );
        assert_eq!(
            problem(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff."),
            "18446744073709551615 bytes expected, 1 found at byte 9"
        );
        assert_eq!(problem(b"."), "an empty stack at byte 1");
        assert_eq!(problem(b"N(\x85."), "an empty stack at byte 3");
        assert_eq!(problem(b"Ne."), "no mark at byte 2");
        assert_eq!(problem(b"h\x07."), "no memo entry 7 at byte 2");
        assert_eq!(problem(b"N.."), "1 bytes too many at byte 2");
        assert_eq!(problem(b"}(Nu."), "a key without a value at byte 4");
        assert_eq!(
            problem(b"NNa."),
            "items for something other than a list or dictionary at byte 3"
        );
        assert_eq!(problem(b"cos\nsystem"), "a line without an end at byte 4");
        assert_eq!(
            problem(b"I7\n."),
            "opcode 0x49, which batches of images do not have, at byte 1"
        );
    }
}
