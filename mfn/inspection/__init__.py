"""What a file or folder is: a pack, folders of faces, a verification pack, TFRecords, or a network."""
