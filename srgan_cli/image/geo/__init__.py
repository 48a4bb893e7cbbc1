"""Where the pixels of a file lie and how large they are: georeference, RPCs, physical sizes."""
