"""DICOM files: reading their frames, and writing enlarged ones with the data set of the source.  Needs pydicom."""
