"""File name endings of videos, photos and other files, and the check for source code."""

from __future__ import annotations

import os
from typing import Final

PHOTO_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""Endings of photos in data sets and training sets, in lower case."""

_SOURCE_PHOTO_ENDINGS = """
.apng .avif .avifs .dib .gif .heic .heics .heif .heifs .hif .j2c .j2k .jfif .jif .jp2 .jpc .jpe .jpf
.jpx .mpo .pbm .pgm .pnm .ppm .tif .tiff
.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf
.raw .rw2 .rwl .sr2 .srf .srw .x3f
"""
SOURCE_PHOTO_ENDINGS: Final = frozenset({*PHOTO_ENDINGS, *_SOURCE_PHOTO_ENDINGS.split()})
"""Endings of photos from which a training set is prepared, in lower case.

Data sets use ``PHOTO_ENDINGS`` only. A GIF or TIFF in their folders is not a photo of the data set,
and reading it would change the pairs and counts.
"""

_VIDEO_ENDINGS = """
.261 .263 .264 .265 .266 .360 .3g2 .3gp .3gp2 .3gpp .3gpp2 .3p2 .amv .apv .asf .av1 .avc .avi .avs
.avs2 .avs3 .bik .bik2 .bk2 .braw .cavs .cine .dav .dif .divx .dnxhd .dnxhr .dv .dvr-ms .dvx .evc
.evo .f4p .f4v .flc .fli .flm .flv .flx .gxf .h261 .h263 .h264 .h265 .h266 .h26l .hdmov .hevc .hxv
.ifv .insv .ismv .iv8 .ivf .ivr .k3g .kux .lrv .lvf .lxf .m1v .m2p .m2t .m2ts .m2v .m4s .m4v .mj2
.mjp2 .mjpeg .mjpg .mk3d .mkv .mlv .mod .moov .mov .movie .mp2p .mp2t .mp2v .mp4 .mp4v .mpe .mpeg
.mpeg1 .mpeg2 .mpeg4 .mpg .mpg2 .mpg4 .mpjpeg .mpv .mpv2 .mts .mtv .mxf .mxg .nsv .nut .nuv .obu
.ogm .ogv .ogx .ps .pva .qt .qtm .r3d .rcv .rm .rmvb .roq .rpl .rv .skm .smk .ssif .swf .tod .tp
.trp .ts .ty .ty+ .vc1 .vdr .viv .vob .vp8 .vp9 .vro .vvc .webm .wm .wmv .wtv .xvid .y4m
"""
VIDEO_ENDINGS: Final = frozenset(_VIDEO_ENDINGS.split())
"""Endings of video files in a folder, in lower case.

They include every ending of the containers in ``video.pyav.container.CONTAINERS``, except those of
sound, subtitles and still images.
"""

_OTHER_ENDINGS = """
.arw .bmp .cr2 .cr3 .crw .dds .dng .emf .eps .erf .exr .hdr .icns .ico .j2k .jfif .jp2 .jpe .jpeg
.jpg .jpx .jxl .kdc .mef .mpo .nef .nrw .orf .pbm .pcx .pef .pgm .pnm .ppm .psb .psd .raf .rw2 .rwl
.sr2 .srf .srw .svg .tga .thm .tif .tiff .wbmp .wdp .wmf .x3f .xcf
.aac .ac3 .aif .aifc .aiff .amr .ape .au .caf .dff .dsf .dts .eac3 .flac .m2a .m4a .m4b .m4p .mid
.midi .mka .mp2 .mp3 .mpa .mpc .oga .opus .ra .snd .spx .tak .tta .voc .w64 .wav .weba .wma .wv
.ass .bup .cue .idx .ifo .lrc .m3u .m3u8 .mks .mpd .mpl .nfo .pls .smi .srt .ssa .stl .sub .sup
.ttml .vtt .xspf .ai .bib .csv .doc .docm .docx .epub .fdx .htm .html .indd .json .jsonl .key .log
.markdown .md .numbers .odp .ods .odt .pages .pdf .ppt .pptm .pptx .rst .rtf .tex .tsv .txt .xls
.xlsb .xlsm .xlsx .xml .aaf .aep .ale .drp .edl .fcpxml .mogrt .otio .prproj .veg .xmp .xmpses
.7z .bz2 .cab .dmg .gz .iso .jar .lz4 .lzma .rar .tar .tbz2 .tgz .txz .xz .z .zip .zst
.a .apk .app .bash .bat .c .cc .class .cmd .cpp .cs .css .deb .dll .dylib .exe .go .h .hpp .ini
.ipynb .java .js .jsx .lock .lua .msi .o .obj .php .pl .ps1 .py .pyc .pyd .pyo .rb .rpm .rs .scss
.sh .so .sql .swift .toml .tsx .vue .wasm .yaml .yml
.accdb .arrow .avro .bdb .cfg .ckpt .conf .crt .db .db3 .db-shm .db-wal .feather .h5
.hdf5 .kdbx .ldb .lnk .mdb .md5 .msg .npy .npz .onnx .parquet .pem .pfx .pickle .pkl .plist .pst
.pt .pth .reg .safetensors .sfv .sha1 .sha256 .sqlite .sqlite3 .torrent .ttf .otf .url .webloc .woff
.woff2
.!qb .!ut .aria2 .crdownload .download .filepart .opdownload .part .partial .swp .temp .tmp
"""
OTHER_ENDINGS: Final = frozenset(_OTHER_ENDINGS.split())
"""Endings of files that are no videos, or whose download or copy is not finished, in lower case.

The content of these files is not examined.
"""

_SHARED_ENDINGS = ".avs .cine .dif .m2ts .mod .mts .nut .ps .rcv .rpl .smk .tp .ts .vdr"
SHARED_WITH_OTHERS: Final = frozenset(_SHARED_ENDINGS.split())
"""Video endings that text files have too.

TypeScript and Qt's translations (.ts), Go's module files and music (.mod), scripts (.avs, .nut,
.smk), templates (.tp), spreadsheets (.dif), PostScript (.ps) and others.
"""

_LONGEST_ENDING = 16
_MOST_DIGITS = 4
_TEXT_CONTROLS = frozenset(b"\t\n\f\r")


def ending_of(name: str) -> str:
    """Return the ending of a file name in lower case, with its point; empty if it has none.

    The numbers of a sequence of files (``frame.000123``) are no endings, nor are long texts.

    Example:
        >>> ending_of("A.MP4"), ending_of("a.tar.gz"), ending_of("notes"), ending_of("f.000123")
        ('.mp4', '.gz', '', '')
    """
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 (called for every file of an archive)
    is_number = len(ending) > _MOST_DIGITS + 1 and ending[1:].isdigit()
    return "" if is_number or len(ending) > _LONGEST_ENDING else ending


def has_video_ending(name: str) -> bool:
    """Return True if a file name has one of ``VIDEO_ENDINGS``, in any case."""
    return ending_of(name) in VIDEO_ENDINGS


def is_text(head: bytes) -> bool:
    """Return True if the first bytes of a file are text in UTF-8 or a one-byte encoding.

    Packet headers of transport and program streams contain bytes that text does not contain, even
    if a recording begins inside a packet or is damaged there. A test for the sync byte (0x47, also
    the letter G) would fail in these cases.

    Example:
        >>> is_text(b"import { x } from './y';")
        True
        >>> is_text(bytes.fromhex("47400010 0000b00d 0001c100"))
        False
    """
    if not head:
        return False
    return all(byte >= 0x20 or byte in _TEXT_CONTROLS for byte in head) and 0x7F not in head
