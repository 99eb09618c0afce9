//! Finds the payload of an RPM package (RPM file format, version 3): after a lead and two headers,
//! a compressed cpio archive takes the rest of the file. The headers are not compressed.

/// Size of the lead.
const LEAD: usize = 96;
/// The beginning of a header.
const HEADER: [u8; 4] = [0x8e, 0xad, 0xe8, 1];
/// The size of the fixed part of a header, and of an entry of its index.
const ENTRY: usize = 16;
/// The alignment of the first header.
const PADDING: usize = 8;

/// Returns the payload of `bytes`, if the headers are complete.
pub(super) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let signature = header_len(bytes.get(LEAD..)?)?;
    let main = LEAD.checked_add(signature.checked_next_multiple_of(PADDING)?)?;
    let len = header_len(bytes.get(main..)?)?;
    bytes.get(main.checked_add(len)?..)
}

fn header_len(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(&HEADER) {
        return None;
    }
    let number = |at: usize| {
        let digits = bytes.get(at..at + 4)?;
        usize::try_from(u32::from_be_bytes(digits.try_into().ok()?)).ok()
    };
    let index = number(8)?.checked_mul(ENTRY)?;
    ENTRY.checked_add(index)?.checked_add(number(12)?)
}
