//! A folder packed, read back, and what stays out of it.

use super::*;

#[test]
fn a_folder_survives_packing_and_what_is_damaged_is_refused() {
    let folder = folder();
    let bytes = folder.to_bytes();
    assert_eq!(Folder::from_bytes(&bytes).unwrap(), folder);
    assert_eq!(folder.to_bytes(), bytes);
    assert!(Folder::from_bytes(&bytes[..bytes.len() / 2]).is_err());
    assert!(Folder::from_bytes(&[0xff; 40]).unwrap_err().contains("too large"));
}

#[test]
fn a_folder_is_read_without_private_keys_data_and_editors_copies() {
    let dir = tempfile::tempdir().unwrap();
    folder().write(dir.path()).unwrap();
    for stray in
        ["keys/store.key", "keys/dev/x.pem", "data/journal.db", "config/.routes.toml.swp", "config/routes.toml~"]
    {
        let path = dir.path().join(stray);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "secret").unwrap();
    }
    assert_eq!(Folder::read(dir.path()).unwrap(), folder());
}

#[test]
fn a_path_from_outside_cannot_leave_the_folder() {
    for path in ["../x.toml", "config/../../x.toml", "/etc/x.toml", "keys/store.key", "config//x.toml", "data/x.json"] {
        let mut folder = folder();
        folder.put(path, "");
        let errors = Revision::compile(1, folder).unwrap_err();
        assert!(errors.iter().any(|error| error.file == path), "{path} was let in");
    }
}
