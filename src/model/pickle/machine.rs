//! The little machine that a pickle is a program for: a stack, a memory, and the instructions of a dictionary of tensors.
//!
//! Instructions and their numbers: Python's `pickletools.py`; what PyTorch writes: `torch/_utils.py`
//! (`_rebuild_tensor_v2`, `_rebuild_parameter`) and `torch/serialization.py` (`persistent_id`). Objects lie in one list and
//! refer to each other by number, so that recalling one copies nothing, and neither deep nor circular nesting matters.
//! Cost: linear in the pickle's length.

use std::ops::Range;

use super::stored::Stored;

/// Objects that one pickle may make; ten thousand tensors make about a hundred thousand.
const MOST_OBJECTS: usize = 1 << 20;
/// Entries of a training checkpoint that are looked at for the network's tensors.
const MOST_DICTIONARIES: usize = 64;
/// Arguments of a call and dimensions of a tensor that are looked at.
const MOST_ARGUMENTS: usize = 8;

/// The tensors of a pickled dictionary, by name. A training checkpoint's are one level down (`state_dict`, `model`, ...).
pub(super) fn tensors(pickle: &[u8]) -> Result<Vec<(String, Stored)>, String> {
    let machine = Machine { bytes: pickle, at: 0, stack: Vec::new(), objects: Vec::new(), memory: Vec::new() };
    let (machine, top) = machine.run()?;
    let mut best = machine.tensors_of(top);
    if best.is_empty() {
        let inner = machine.entries(top).iter().take(MOST_DICTIONARIES).map(|(_, value)| machine.tensors_of(*value));
        best = inner.max_by_key(Vec::len).unwrap_or_default();
    }
    if best.is_empty() {
        return Err("it holds no dictionary of tensors; save the network's state_dict".into());
    }
    // What `DataParallel` saves.
    if best.iter().all(|(name, _)| name.starts_with("module.")) {
        for (name, _) in &mut best {
            *name = name["module.".len()..].to_owned();
        }
    }
    Ok(best)
}

/// What the stack and the memory hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Number(i64),
    Mark,
    /// Anything that no tensor needs.
    Other,
    Object(usize),
}

#[derive(Debug)]
enum Object {
    /// Of the pickle itself.
    Text(Range<usize>),
    Tuple(Vec<Value>),
    Dictionary(Vec<(Value, Value)>),
    /// `module name`.
    Class(String),
    Storage {
        kind: String,
        key: Range<usize>,
    },
    Tensor(Stored),
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    objects: Vec<Object>,
    memory: Vec<Option<Value>>,
}

type Step<T = ()> = Result<T, String>;

impl Machine<'_> {
    /// Runs to the end; gives what is on top then.
    fn run(mut self) -> Step<(Self, Value)> {
        loop {
            let code = self.byte()?;
            if code == b'.' {
                let top = self.pop()?;
                return Ok((self, top));
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Step {
        match code {
            0x80 => self.skip(1),
            0x95 => self.skip(8),
            b'(' => self.push(Value::Mark),
            b'0' => self.pop().map(drop),
            b'1' => self.pop_to_mark().map(drop),
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b'K' => self.number(1),
            b'M' => self.number(2),
            b'J' => self.number(4),
            0x8a => {
                let count = self.byte()?;
                self.number(count.into())
            }
            b'G' => {
                self.skip(8)?;
                self.push(Value::Other)
            }
            0x8c | b'U' | b'C' => self.text(1),
            b'X' | b'T' | b'B' => self.text(4),
            0x8d | 0x8e => self.text(8),
            b')' => self.make(Object::Tuple(Vec::new())),
            b']' | 0x8f => self.make(Object::Tuple(Vec::new())),
            b'}' => self.make(Object::Dictionary(Vec::new())),
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(code - 0x84))?;
                self.make(Object::Tuple(items))
            }
            b't' | b'l' => {
                let items = self.pop_to_mark()?;
                self.make(Object::Tuple(items))
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                self.make(Object::Dictionary(pairs(&items)))
            }
            // Lists hold nothing that we read.
            b'a' => self.pop().map(drop),
            b'e' | 0x90 => self.pop_to_mark().map(drop),
            b's' => {
                let items = self.pop_many(2)?;
                self.set(&items)
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)
            }
            b'q' => {
                let index = self.byte()?;
                self.remember(index.into())
            }
            b'r' => {
                let index = self.little(4)?;
                self.remember(index as usize)
            }
            0x94 => self.remember(self.memory.len()),
            b'h' => {
                let index = self.byte()?;
                self.recall(index.into())
            }
            b'j' => {
                let index = self.little(4)?;
                self.recall(index as usize)
            }
            b'c' => {
                let class = format!("{} {}", self.line()?, self.line()?);
                self.make(Object::Class(class))
            }
            0x93 => {
                let items = self.pop_many(2)?;
                let class = items.iter().map(|item| self.text_of(*item).unwrap_or_default().to_owned());
                let class = class.collect::<Vec<_>>().join(" ");
                self.make(Object::Class(class))
            }
            b'R' | 0x81 => {
                let items = self.pop_many(2)?;
                self.call(items[0], items[1])
            }
            // The state of an object: of a dictionary it is notes, of others nothing that we read.
            b'b' => self.pop().map(drop),
            b'Q' => {
                let id = self.pop()?;
                self.storage(id)
            }
            other => Err(format!("its list of tensors uses instruction {other:#x}, which lists of tensors do not")),
        }
    }

    fn byte(&mut self) -> Step<u8> {
        let byte = *self.bytes.get(self.at).ok_or("its list of tensors ends in the middle")?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> Step {
        self.take(count).map(drop)
    }

    fn take(&mut self, count: usize) -> Step<Range<usize>> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("its list of tensors ends in the middle")?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn little(&mut self, count: usize) -> Step<u64> {
        let range = self.take(count)?;
        Ok(self.bytes[range].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Numbers of more than 8 bytes are seeds of random generators and the like.
    fn number(&mut self, count: usize) -> Step {
        if count > 8 {
            self.skip(count)?;
            return self.push(Value::Other);
        }
        let number = self.little(count)? as i64;
        // Four and more bytes have a sign.
        let unused = if count >= 4 || count == 0 { 64 - 8 * count.max(1) as u32 } else { 0 };
        self.push(Value::Number(number << unused >> unused))
    }

    fn text(&mut self, count: usize) -> Step {
        let length = self.little(count)?;
        let range = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.make(Object::Text(range))
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or("its list of tensors ends in the middle")?;
        let range = self.take(length + 1)?;
        let line = &self.bytes[range.start..range.end - 1];
        Ok(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
    }

    fn push(&mut self, value: Value) -> Step {
        if self.stack.len() >= MOST_OBJECTS {
            return Err(format!("its list of tensors holds more than {MOST_OBJECTS} objects at once"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn make(&mut self, object: Object) -> Step {
        if self.objects.len() >= MOST_OBJECTS {
            return Err(format!("its list of tensors makes more than {MOST_OBJECTS} objects"));
        }
        self.objects.push(object);
        self.push(Value::Object(self.objects.len() - 1))
    }

    fn pop(&mut self) -> Step<Value> {
        self.stack.pop().ok_or_else(|| "its list of tensors takes more than it has".into())
    }

    fn pop_many(&mut self, count: usize) -> Step<Vec<Value>> {
        let from = self.stack.len().checked_sub(count).ok_or("its list of tensors takes more than it has")?;
        Ok(self.stack.split_off(from))
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| *value == Value::Mark);
        let items = self.stack.split_off(mark.ok_or("its list of tensors ends what it never began")? + 1);
        self.stack.pop();
        Ok(items)
    }

    /// Memory is a list without holes in what Python writes; one that jumps ahead is not Python's.
    fn remember(&mut self, index: usize) -> Step {
        let top = *self.stack.last().ok_or("its list of tensors takes more than it has")?;
        if index > self.at {
            return Err(format!("its list of tensors remembers object {index} before that many were made"));
        }
        if self.memory.len() <= index {
            self.memory.resize(index + 1, None);
        }
        self.memory[index] = Some(top);
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Step {
        let value = self.memory.get(index).copied().flatten();
        self.push(value.ok_or_else(|| format!("its list of tensors recalls object {index}, which was never made"))?)
    }

    /// Adds keys and values to the dictionary on top; of other things that take them nothing is read.
    fn set(&mut self, items: &[Value]) -> Step {
        let top = *self.stack.last().ok_or("its list of tensors takes more than it has")?;
        if let Value::Object(index) = top
            && let Object::Dictionary(entries) = &mut self.objects[index]
        {
            entries.extend(pairs(items));
        }
        Ok(())
    }

    fn call(&mut self, class: Value, arguments: Value) -> Step {
        let arguments = self.first_items(arguments);
        match self.class_of(class) {
            "collections OrderedDict" => self.make(Object::Dictionary(Vec::new())),
            "torch._utils _rebuild_tensor_v2" => {
                let tensor = self.tensor(&arguments)?;
                self.make(Object::Tensor(tensor))
            }
            "torch._utils _rebuild_parameter" => self.push(arguments.first().copied().unwrap_or(Value::Other)),
            // (function, type, arguments, state): a tensor with attributes.
            "torch._tensor _rebuild_from_type_v2" => match arguments[..] {
                [function, _, inner, ..] if self.class_of(function) == "torch._utils _rebuild_tensor_v2" => {
                    let inner = self.first_items(inner);
                    let tensor = self.tensor(&inner)?;
                    self.make(Object::Tensor(tensor))
                }
                _ => self.push(Value::Other),
            },
            _ => self.push(Value::Other),
        }
    }

    /// `_rebuild_tensor_v2(storage, offset, size, stride, ...)`.
    fn tensor(&self, arguments: &[Value]) -> Step<Stored> {
        let wrong = || "its list of tensors describes a tensor in a way that PyTorch does not".to_owned();
        let [storage, Value::Number(offset), size, strides, ..] = arguments else { return Err(wrong()) };
        let Some(Object::Storage { kind, key }) = self.object(*storage) else { return Err(wrong()) };
        let key = self.utf8(key).ok_or_else(wrong)?.to_owned();
        let numbers = |value: Value| -> Step<Vec<usize>> {
            let number = |item: &Value| match item {
                Value::Number(number) => usize::try_from(*number).map_err(|_| wrong()),
                _ => Err(wrong()),
            };
            let items = self.items(value);
            if items.len() > MOST_ARGUMENTS { Err(wrong()) } else { items.iter().map(number).collect() }
        };
        let offset = usize::try_from(*offset).map_err(|_| wrong())?;
        Ok(Stored { kind: kind.clone(), key, offset, shape: numbers(*size)?, strides: numbers(*strides)? })
    }

    /// `("storage", class, key, device, count)`.
    fn storage(&mut self, id: Value) -> Step {
        let storage = match self.items(id) {
            [_, class, key, ..] => match self.object(*key) {
                Some(Object::Text(key)) => {
                    let kind = self.class_of(*class).split(' ').next_back().unwrap_or_default().to_owned();
                    Some(Object::Storage { kind, key: key.clone() })
                }
                _ => None,
            },
            _ => None,
        };
        self.make(storage.ok_or("its list of tensors names a storage in a way that PyTorch does not")?)
    }

    fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(index) => self.objects.get(index),
            _ => None,
        }
    }

    fn items(&self, value: Value) -> &[Value] {
        match self.object(value) {
            Some(Object::Tuple(items)) => items,
            _ => &[],
        }
    }

    /// Of a long tuple that is recalled again and again only the beginning, so that cost stays linear.
    fn first_items(&self, value: Value) -> Vec<Value> {
        self.items(value).iter().take(MOST_ARGUMENTS).copied().collect()
    }

    fn entries(&self, value: Value) -> &[(Value, Value)] {
        match self.object(value) {
            Some(Object::Dictionary(entries)) => entries,
            _ => &[],
        }
    }

    fn class_of(&self, value: Value) -> &str {
        match self.object(value) {
            Some(Object::Class(class)) => class,
            _ => "",
        }
    }

    fn utf8(&self, range: &Range<usize>) -> Option<&str> {
        std::str::from_utf8(&self.bytes[range.clone()]).ok()
    }

    fn text_of(&self, value: Value) -> Option<&str> {
        match self.object(value) {
            Some(Object::Text(range)) => self.utf8(range),
            _ => None,
        }
    }

    fn tensors_of(&self, dictionary: Value) -> Vec<(String, Stored)> {
        let named = self.entries(dictionary).iter().filter_map(|(name, value)| match self.object(*value) {
            Some(Object::Tensor(tensor)) => Some((self.text_of(*name)?.to_owned(), tensor.clone())),
            _ => None,
        });
        named.collect()
    }
}

fn pairs(items: &[Value]) -> Vec<(Value, Value)> {
    items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pickle of `{"w": tensor}` as PyTorch writes it.
    fn pickle(offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
        let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let tuple = |numbers: &[u8]| {
            let numbers = numbers.iter().flat_map(|number| [b'K', *number]);
            [b"(".to_vec(), numbers.collect(), b"t".to_vec()].concat()
        };
        let parts = [
            b"\x80\x02}q\x00(".to_vec(),
            text("w"),
            b"q\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((".to_vec(),
            text("storage"),
            b"ctorch\nFloatStorage\n".to_vec(),
            text("0"),
            text("cpu"),
            b"K\x06tQK".to_vec(),
            vec![offset],
            tuple(shape),
            tuple(strides),
            b"\x89ccollections\nOrderedDict\n)RtRu.".to_vec(),
        ];
        parts.concat()
    }

    fn only(pickle: &[u8]) -> Stored {
        tensors(pickle).unwrap().pop().unwrap().1
    }

    #[test]
    fn a_tensor_is_read_with_its_place_in_the_storage() {
        let stored = only(&pickle(2, &[2, 2], &[2, 1]));
        assert_eq!((stored.kind.as_str(), stored.key.as_str(), stored.offset), ("FloatStorage", "0", 2));
        assert_eq!((stored.shape.as_slice(), stored.span()), ([2, 2].as_slice(), 4));
        assert!(stored.is_contiguous());
        assert!(stored.check(24).is_ok() && stored.check(23).is_err());
    }

    #[test]
    fn turned_matrices_are_put_into_order() {
        let stored = only(&pickle(0, &[2, 3], &[1, 2]));
        assert!(!stored.is_contiguous());
        assert_eq!(stored.gather(&[0, 1, 2, 3, 4, 5], 1), [0, 2, 4, 1, 3, 5]);
    }

    #[test]
    fn few_numbers_cannot_pass_for_many() {
        assert!(only(&pickle(0, &[200, 200, 200], &[0, 0, 0])).check(24).is_err());
        assert!(only(&pickle(0, &[2, 2], &[2])).check(24).is_err());
        assert!(only(&pickle(7, &[1], &[1])).check(24).is_err());
    }

    #[test]
    fn a_training_checkpoint_and_the_names_of_data_parallel_are_looked_through() {
        let inner = pickle(0, &[2], &[1]);
        let inner = &inner[2..inner.len() - 1];
        let outer = [b"\x80\x02}(X\x05\x00\x00\x00epochK\x07X\x0a\x00\x00\x00state_dict", inner, b"u."].concat();
        assert_eq!(tensors(&outer).unwrap()[0].0, "w");
        let long = b"X\x08\x00\x00\x00module.w".to_vec();
        let whole = pickle(0, &[2], &[1]);
        let at = whole.windows(6).position(|window| window == b"X\x01\x00\x00\x00w").unwrap();
        let renamed = [&whole[..at], &long, &whole[at + 6..]].concat();
        assert_eq!(tensors(&renamed).unwrap()[0].0, "w");
    }

    #[test]
    fn every_beginning_of_a_pickle_is_an_error_and_no_panic() {
        let whole = pickle(1, &[2, 2], &[2, 1]);
        for end in 0..whole.len() {
            assert!(tensors(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn nesting_and_recalling_without_end_cost_no_more_than_the_file() {
        // Each round makes a pair of what was there twice: as a copy it would be 2^60000 objects.
        let mut bomb = b")q\x00".to_vec();
        bomb.extend(b"h\x00h\x00\x86q\x00".repeat(60_000));
        bomb.push(b'.');
        assert!(tensors(&bomb).is_err());
        // A dictionary in itself.
        assert!(tensors(b"}q\x00X\x01\x00\x00\x00ah\x00s.").is_err());
        assert!(tensors(&[b")".repeat(MOST_OBJECTS + 1), b".".to_vec()].concat()).unwrap_err().contains("objects"));
        assert!(tensors(b")r\xff\xff\xff\xff.").is_err());
        assert!(tensors(b"X\xff\xff\xff\xffabc.").is_err());
    }

    #[test]
    fn what_would_be_run_is_not() {
        let evil = b"cos\nsystem\n(X\x04\x00\x00\x00lesst\x52.";
        assert!(tensors(evil).unwrap_err().contains("no dictionary of tensors"));
    }
}
