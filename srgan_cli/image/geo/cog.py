"""Cloud-optimised GeoTIFF, by GDAL's driver COG.  Source: OGC Cloud Optimized GeoTIFF Standard 1.0."""

from pathlib import Path

from srgan_cli.errors import PictureError

OPTIONS = {"compress": "DEFLATE", "bigtiff": "IF_SAFER"}
KEPT_TAGS = {269, 270, 282, 283, 296, 305, 306, 315, 316, 33432}  # the tags of EXIF that GDAL keeps


def make_cloud_optimised(path: Path, *, has_classes: bool = False) -> None:
    """Replace a TIFF of one page by a cloud-optimised one with the same pixels, and overviews by averaging.

    Those of a map of classes have the most frequent class.

    Raises PictureError where GDAL fails.  The pixels are read again: GDAL does not report a full disk.
    """
    import rasterio
    import rasterio.shutil

    plain = path.with_suffix(".plain")
    path.rename(plain)
    try:
        with rasterio.Env(GDAL_PAM_ENABLED="NO", GDAL_CACHEMAX=2**27):
            resampling = "MODE" if has_classes else "AVERAGE"
            with rasterio.open(plain) as file:
                sums = [file.checksum(band) for band in file.indexes]
                is_packed = "NBITS" in file.tags(1, ns="IMAGE_STRUCTURE")
            options = OPTIONS | {"overview_resampling": resampling, "predictor": "NO" if is_packed else "YES"}
            rasterio.shutil.copy(plain, path, driver="COG", **options)
            with rasterio.open(path) as file:
                if [file.checksum(band) for band in file.indexes] != sums:
                    raise OSError("it is incomplete")
    except Exception as error:  # those of GDAL have no public class
        hint = "is the disk full? Else leave --cog out"
        raise PictureError(f"cannot write a cloud-optimised TIFF: {error}", hint) from error
    finally:
        plain.unlink(missing_ok=True)
