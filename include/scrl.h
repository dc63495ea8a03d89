/*
 * scrl.h: Spatially Consistent Representation Learning (Roh et al., CVPR 2021) behind a C ABI.
 *
 * Pack images into a dataset, pretrain a backbone on them without labels, take its features away.
 *
 * Rules
 *   - Names are scrl_<noun>_<verb>; what judges and what times are scrl_evaluate_<judge> and
 *     scrl_bench_<what>. Every object is an opaque struct of its own.
 *   - A call that can fail returns scrl_status; SCRL_OK is 0, failures are negative and keep their
 *     numbers for ever. scrl_last_error() gives the text of this thread's last failure. Any call
 *     may answer SCRL_E_ARGUMENT (NULL, a freed handle), SCRL_E_FORKED and SCRL_E_INTERNAL, and
 *     whatever computes SCRL_E_MEMORY and SCRL_E_UNSUPPORTED; texts name the others.
 *   - Results come last and are untouched when the call fails, but for lengths of texts that a
 *     buffer was too small for. A result pointer may be NULL only where its text says so.
 *   - The caller frees what comes as a pointer to a pointer of an opaque struct (_new, _open,
 *     _load, _resume, _clone, …), with the matching _free. _free(NULL) does nothing. Text that the
 *     library returns stays the library's.
 *   - Option and report structs begin with struct_size: set it to sizeof the struct before the
 *     call. It lets the struct grow without breaking compiled programs.
 *   - One handle may be used from several threads; its calls then run one after another, but reads
 *     of a dataset run side by side. Handles are independent. Only scrl_trainer_cancel() and
 *     scrl_detector_cancel() overtake a running call; they alone may be called in a signal handler.
 *   - After fork(), the child must not use its parent's handles: such calls return SCRL_E_FORKED
 *     (and _free only forgets them). New handles work in the child: open or load in the worker.
 *   - Texts for people (scrl_last_error(), log lines, reasons) are one line of UTF-8 of at most
 *     1,000 bytes: control characters and marks of direction in names and contents are escaped
 *     ("\n", "\u202e"), and "…" stands for the middle of what is longer.
 *   - A file that is written appears whole or not at all. It replaces an empty file or an older one
 *     of its own kind (a dataset, a checkpoint, annotations that this library wrote, a results
 *     list); any other file of that name stays, and the call answers SCRL_E_STATE.
 *   - Text is UTF-8, and so are paths; only scrl_writer_add_file(), _add_folder(), _add_coco() and
 *     scrl_file_describe() take any bytes that the system takes, as photos come with such names.
 *   - Images are RGB, 8 bits. Boxes are x0, y0, x1, y1 in pixels, the origin at the top left.
 *     Tensors are float32, shapes are written (N,C,H,W).
 */
#ifndef SCRL_H
#define SCRL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ library */

#define SCRL_VERSION "0.1.0"
#define SCRL_ABI 0 /* the number in libscrl.so.0 */

/** What a call answers. Since 0.1. */
typedef int32_t scrl_status;
enum {
  SCRL_OK = 0,
  SCRL_E_ARGUMENT = -1,    /* a call's own arguments: NULL, out of range, buffer too small */
  SCRL_E_CONFIG = -2,      /* unknown key, bad value, options that contradict each other */
  SCRL_E_SHAPE = -3,       /* tensors that do not fit each other */
  SCRL_E_IO = -4,          /* the system refused: missing file, full disk, permission */
  SCRL_E_FORMAT = -5,      /* a file that is not what it should be */
  SCRL_E_DATA = -6,        /* an image or annotation that cannot be used */
  SCRL_E_MEMORY = -7,      /* the memory asked for cannot be had */
  SCRL_E_DIVERGED = -8,    /* the loss is no longer finite */
  SCRL_E_CANCELLED = -9,   /* stopped by the host */
  SCRL_E_STATE = -10,      /* a call that the object's state does not allow */
  SCRL_E_FORKED = -11,     /* a parent's handle used in a forked child */
  SCRL_E_UNSUPPORTED = -12, /* this build or machine cannot do it */
  SCRL_E_INTERNAL = -13    /* a bug of the library, caught */
};

/** The library's version, such as "0.1.0". Any thread. Since 0.1. */
const char *scrl_version(void);

/** The ABI number: programs built for another one must not be run. Any thread. Since 0.1. */
int32_t scrl_abi(void);

/**
 * How this library was built and what it found: a JSON object with version, abi, backends, blas,
 * blas_core, onednn, bfloat16, simd, cpus. `backends` are those that can compute in this process;
 * onednn is oneDNN's version, "" without it; bfloat16 tells whether compute.precision=bfloat16 works
 * here. Opens both libraries, so the first call may take some
 * milliseconds.
 * @return text of the library's, valid for ever. Any thread. Since 0.1.
 */
const char *scrl_build_info(void);

/** The name of a status, such as "SCRL_E_CONFIG"; "SCRL_E_?" for a number that is none. Since 0.1. */
const char *scrl_status_name(scrl_status status);

/**
 * The text of this thread's last failed call: operation, what it got, what it expected.
 * @return text valid until this thread's next failing call; "" before any. Since 0.1.
 */
const char *scrl_last_error(void);

/**
 * Says what a file is, from how it begins: "is a PNG picture", "is a safetensors file", "is a
 * libscrl dataset", "is of no known format (begins with 6a 75 6e 6b)". Every call that opens a
 * file tells this of one that it cannot use.
 * @param path    any bytes that the system takes.
 * @param wanted  NULL: only that. "dataset", "checkpoint", "weights" (a checkpoint or a file of
 *                torch.save) or "annotations": also what is expected instead, and what to do.
 * buffer, capacity and length as in scrl_config_get().
 * @return SCRL_OK, SCRL_E_IO for what is no file that can be read, SCRL_E_ARGUMENT. Any thread.
 * Since 0.1.
 */
scrl_status scrl_file_describe(const char *path, const char *wanted, char *buffer,
                               size_t capacity, size_t *length);

/** Receives one line of log text, without a newline; may come from any thread. */
typedef void (*scrl_log_fn)(const char *line, void *user);

/**
 * Sends the library's notes (a skipped image, a checkpoint passed over) to `log`. Without a sink
 * the library prints nothing. NULL stops it. Any thread. Since 0.1.
 */
void scrl_log_set(scrl_log_fn log, void *user);

/* ------------------------------------------------------------------- config */

/** Every option of a run, as keys with typed values. */
typedef struct scrl_config scrl_config;

/** What a key means. All text is the library's and valid for ever. Since 0.1. */
typedef struct scrl_config_key {
  uint32_t struct_size;
  const char *name;    /* "train.batch" */
  const char *type;    /* "integer", "real", "boolean", "choice", "pair", "list" or "text" */
  const char *range;   /* "1 … 1048576", or the choices separated by " | " */
  const char *preset;  /* the value in the default preset, as text */
  const char *meaning; /* one line */
  const char *fixed;   /* why a resumed run keeps its value; NULL: it may change there */
} scrl_config_key;

/**
 * A config with the values of a preset.
 * @param preset  a name of scrl_config_preset_name(), or NULL for "scrl-small".
 * @return SCRL_OK, SCRL_E_CONFIG for an unknown name, SCRL_E_ARGUMENT. Since 0.1.
 */
scrl_status scrl_config_new(const char *preset, scrl_config **config);

/** A copy that shares nothing. Since 0.1. */
scrl_status scrl_config_clone(const scrl_config *config, scrl_config **copy);

/**
 * Sets one key from text ("32", "0.2:1.0", "resnet50", "true").
 * @return SCRL_OK, SCRL_E_CONFIG naming the key and what was expected. Since 0.1.
 */
scrl_status scrl_config_set(scrl_config *config, const char *key, const char *value);

/**
 * Reads one key as text that scrl_config_set() accepts.
 * @param buffer    receives the text and a NUL; may be NULL when capacity is 0.
 * @param capacity  bytes of buffer.
 * @param length    may be NULL; bytes of the text without NUL, also when the buffer is too small.
 * @return SCRL_OK, SCRL_E_CONFIG for an unknown key, SCRL_E_ARGUMENT when the buffer is too small
 *         (a capacity of 0 only asks for the length and is fine). Since 0.1.
 */
scrl_status scrl_config_get(const scrl_config *config, const char *key, char *buffer,
                            size_t capacity, size_t *length);

/**
 * Refuses values that contradict each other (boxes larger than the view, more warm-up than
 * training …), with the reason. Every call that takes a config does this too. Since 0.1.
 */
scrl_status scrl_config_check(const scrl_config *config);

/** The number of keys. Any thread. Since 0.1. */
size_t scrl_config_key_count(void);

/** Describes key `index` in 0 ≤ index < scrl_config_key_count(). Since 0.1. */
scrl_status scrl_config_key_at(size_t index, scrl_config_key *key);

/** The number of presets. Any thread. Since 0.1. */
size_t scrl_config_preset_count(void);

/** The name of preset `index`, or NULL past the end. Since 0.1. */
const char *scrl_config_preset_name(size_t index);

/** Frees a config. Since 0.1. */
void scrl_config_free(scrl_config *config);

/* ------------------------------------------------------------------- writer */

/** Builds a dataset file. Nothing stands under the final name before scrl_writer_finish(). */
typedef struct scrl_writer scrl_writer;

/** What is known of one image besides its pixels. All of it is optional. Since 0.1. */
typedef struct scrl_annotation {
  uint32_t struct_size;
  int32_t label;             /* class of the whole image, −1: none */
  size_t box_count;          /* boxes below */
  const float *boxes;        /* box_count × (x0, y0, x1, y1) in pixels; NULL when there are none */
  const int32_t *box_labels; /* box_count classes; NULL: all −1 */
  const char *const *masks;  /* box_count COCO compressed RLE strings of the image's size; NULL or
                                NULL entries: no mask */
  const float *areas;        /* box_count areas in pixels; NULL or NaN: that of the mask or box */
  const uint8_t *flags;      /* box_count sums of SCRL_BOX_…; NULL: all 0 */
} scrl_annotation;

/** What is known of a box besides its class. Since 0.1. */
enum {
  SCRL_BOX_CROWD = 1,    /* many things in one region (COCO's iscrowd): never a training target */
  SCRL_BOX_DIFFICULT = 2 /* hard to recognise (Pascal VOC's difficult) */
};

/**
 * Starts a dataset that scrl_writer_finish() puts at `path`.
 * @return SCRL_OK, SCRL_E_IO (folder missing or not writable), SCRL_E_STATE for a path where
 *         something else than a libscrl dataset stands (a picture to be packed, for one; it stays),
 *         SCRL_E_ARGUMENT. Since 0.1.
 */
scrl_status scrl_writer_new(const char *path, scrl_writer **writer);

/** What is done about pictures whose file has an EXIF orientation other than 1. Since 0.1. */
enum {
  SCRL_ORIENTATION_APPLY = 0,  /* pixels are turned, so that the picture is stored as it is shown */
  SCRL_ORIENTATION_IGNORE = 1, /* pixels stay as stored */
  SCRL_ORIENTATION_REFUSE = 2  /* the picture is SCRL_E_DATA: walks and imports skip it */
};

/**
 * Hears what was done to a picture, or that a hidden name was left out.
 * @param path  the file's path as the system spells it; "" for pixels that the host handed over.
 * @param note  one line. Both only during the call.
 */
typedef void (*scrl_note_fn)(const char *path, const char *note, void *user);

/** How a writer takes pictures from files. Zeroes are the defaults. Since 0.1. */
typedef struct scrl_picture_options {
  uint32_t struct_size;
  int32_t orientation;    /* SCRL_ORIENTATION_… */
  int32_t keep_truncated; /* 0: a JPEG file that ends early is SCRL_E_DATA; 1: what is there is kept */
  scrl_note_fn note;      /* may be NULL */
  void *user;             /* handed to it */
} scrl_picture_options;

/** What became of a writer's pictures so far, by all calls together. Since 0.1. */
typedef struct scrl_picture_report {
  uint32_t struct_size;
  size_t turned;     /* EXIF orientation applied */
  size_t not_turned; /* EXIF orientation ignored: as asked, or since the size told is the stored one */
  size_t truncated;  /* kept although the file ends early */
  size_t encoded;    /* of those three, JPEG files that had to be encoded anew (quality 95, 4:4:4) */
  size_t hidden;     /* files and folders that walks left out: see scrl_name_is_hidden() */
} scrl_picture_report;

/**
 * How scrl_writer_add_file(), _add_folder(), _add_coco() and _add_oriented() take pictures from now
 * on.
 *
 * Orientation: a JPEG file is turned without loss where its sides allow that, else decoded, turned
 * and encoded anew. The stored stream's tag is set to 1 in any case, so that other programs show
 * what the dataset holds. A picture without the tag goes in byte for byte. scrl_writer_add_coco()
 * applies an orientation by which sides swap only where the size that the file tells is not that of
 * the stored pixels; where the size cannot tell (mirrored, upside down, square, no size) it is
 * applied, and `note` hears of it.
 *
 * A truncated JPEG file that lacks only its end marker gets one; where data is missing, the rows
 * that are there are kept, the rest is gray. A file of which no row is there is SCRL_E_DATA.
 *
 * @param options  NULL: the defaults.
 * @return SCRL_OK, SCRL_E_ARGUMENT. Since 0.1.
 */
scrl_status scrl_writer_set_pictures(scrl_writer *writer, const scrl_picture_options *options);

/** What became of the pictures so far. Since 0.1. */
scrl_status scrl_writer_report_pictures(scrl_writer *writer, scrl_picture_report *report);

/** Adds a class name; `id` (may be NULL) receives its number, counted from 0. Since 0.1. */
scrl_status scrl_writer_add_class(scrl_writer *writer, const char *name, int32_t *id);

/**
 * Adds one JPEG stream as it is, after decoding it once to be sure of it. It is no file: its EXIF
 * orientation is not looked at, and it must be whole.
 * @param annotation  may be NULL.
 * @return SCRL_OK, SCRL_E_DATA for a stream or annotation that cannot be used. Since 0.1.
 */
scrl_status scrl_writer_add_jpeg(scrl_writer *writer, const void *bytes, size_t byte_count,
                                 const scrl_annotation *annotation);

/**
 * Adds one JPEG file: its stream as it is, but for EXIF orientation and a missing end, by
 * scrl_writer_set_pictures().
 * @param annotation  may be NULL; of the picture as it is stored.
 * @return SCRL_OK, SCRL_E_DATA, SCRL_E_IO when the file cannot be read. Since 0.1.
 */
scrl_status scrl_writer_add_file(scrl_writer *writer, const char *path,
                                 const scrl_annotation *annotation);

/**
 * Adds pixels, encoded as JPEG.
 * @param pixels      height rows of width × 3 bytes (R, G, B).
 * @param row_stride  bytes from row to row; 0: width × 3.
 * @param quality     JPEG quality 1 … 100; 0: 95.
 * @return SCRL_OK, SCRL_E_DATA for more than 65,500 pixels a side or 2^28 in all, as with files.
 * Since 0.1.
 */
scrl_status scrl_writer_add_rgb(scrl_writer *writer, const uint8_t *pixels, size_t height,
                                size_t width, size_t row_stride, int32_t quality,
                                const scrl_annotation *annotation);

/**
 * scrl_writer_add_rgb() for pixels as a file of another kind (PNG, TIFF, WebP) stores them, with the
 * EXIF orientation 1 … 8 that it tells: the writer does about it what scrl_writer_set_pictures()
 * says. Since 0.1.
 */
scrl_status scrl_writer_add_oriented(scrl_writer *writer, const uint8_t *pixels, size_t height,
                                     size_t width, size_t row_stride, int32_t quality,
                                     int32_t orientation, const scrl_annotation *annotation);

/**
 * Whether walks of folders leave out a file or folder of this name (the last part of a path): it
 * begins with ".", or is what systems and programs put beside pictures, in any case of letters:
 * __MACOSX, Thumbs.db, desktop.ini, $RECYCLE.BIN, System Volume Information, lost+found, @eaDir,
 * #recycle, #snapshot and their like. A folder that is given by name is walked whatever it is called.
 * @return 1 or 0; 0 for NULL. Any thread. Since 0.1.
 */
int32_t scrl_name_is_hidden(const char *name);

/**
 * Hears of an entry of a folder that the library cannot use by itself.
 * @param path    its path as the system spells it: bytes, perhaps not UTF-8.
 * @param reason  one line.
 * @param label   the class its folder stands for, −1: none.
 * @return 0: it is skipped. 1: the callback has added the picture itself to the same writer (a
 *         PNG that the host can read). Negative: stop with SCRL_E_CANCELLED.
 */
typedef int32_t (*scrl_skip_fn)(const char *path, const char *reason, int32_t label, void *user);

/** Hears how far a walk is: images added, files seen, files in all. Non-zero stops it. */
typedef int32_t (*scrl_walk_fn)(size_t added, size_t seen, size_t total, void *user);

/** How scrl_writer_add_folder() walks. Zeroes are good defaults. Since 0.1. */
typedef struct scrl_folder_options {
  uint32_t struct_size;
  int32_t labels_from_folders; /* 1: the first folder below the root names an image's class */
  scrl_skip_fn skipped;        /* may be NULL */
  scrl_walk_fn progress;       /* may be NULL */
  void *user;                  /* handed to both */
} scrl_folder_options;

/**
 * Adds every JPEG below a folder, in the byte order of the paths. Bad files are reported and
 * skipped, never fatal; symbolic links are followed, loops are noticed. Hidden files and folders
 * are left out (scrl_name_is_hidden()); scrl_writer_report_pictures() counts them.
 * @param options  may be NULL.
 * @param added    may be NULL; images added by this call.
 * @param skipped  may be NULL; entries reported and not added.
 * @return SCRL_OK, SCRL_E_IO when the folder itself cannot be read or the disk is full,
 *         SCRL_E_CANCELLED. Since 0.1.
 */
scrl_status scrl_writer_add_folder(scrl_writer *writer, const char *folder,
                                   const scrl_folder_options *options, size_t *added,
                                   size_t *skipped);

/** What an entry of a COCO file is, and what became of it. Since 0.1. */
enum {
  SCRL_COCO_IMAGE = 0,
  SCRL_COCO_CATEGORY = 1,
  SCRL_COCO_ANNOTATION = 2,
  SCRL_COCO_FILE = 3,    /* the file as a whole, or many entries of it */
  SCRL_COCO_SKIPPED = 0, /* it is not in the dataset */
  SCRL_COCO_CLIPPED = 1, /* only the part inside the image is */
  SCRL_COCO_CHANGED = 2, /* it is, but something of it was ignored or made from the rest */
  SCRL_COCO_NOTED = 3    /* nothing is lost: how the file was understood */
};

/** An entry of a COCO file that did not pass as it stands, or a note on the file. Since 0.1. */
typedef struct scrl_coco_issue {
  uint32_t struct_size;
  int32_t entry;      /* SCRL_COCO_IMAGE, _CATEGORY, _ANNOTATION or _FILE */
  int32_t action;     /* SCRL_COCO_SKIPPED, _CLIPPED, _CHANGED or _NOTED */
  int64_t id;         /* −1: it has none that could be read */
  const char *file;   /* the image's file_name, "": none; the texts only during the call */
  const char *reason; /* one line */
  const char *kind;   /* the reason without figures: the same for all entries of one kind */
  size_t objects;     /* annotations lost by it: 1 for a skipped one, all of a skipped image */
} scrl_coco_issue;

/** Hears of such an entry. Non-zero stops with SCRL_E_CANCELLED. */
typedef int32_t (*scrl_coco_fn)(const scrl_coco_issue *issue, void *user);

/** How scrl_writer_add_coco() imports. Zeroes are good defaults. Since 0.1. */
typedef struct scrl_coco_options {
  uint32_t struct_size;
  int32_t refuse;          /* 0: skip, clip or change, and tell; 1: the first such issue ends the
                              call; notes never do */
  scrl_coco_fn issue;      /* may be NULL */
  scrl_skip_fn unreadable; /* may be NULL; hears of image files that are no usable JPEG */
  scrl_walk_fn progress;   /* may be NULL; counts images */
  void *user;              /* handed to all */
} scrl_coco_options;

/**
 * What scrl_writer_add_coco() did. The file lists images + skipped_images, and annotations +
 * skipped_annotations. Since 0.1.
 */
typedef struct scrl_coco_report {
  uint32_t struct_size;
  size_t images;              /* added */
  size_t changed_images;      /* among those added: something of their entry was ignored */
  size_t skipped_images;
  size_t annotations;         /* boxes added */
  size_t changed_annotations; /* among those added: clipped, or something was ignored or made */
  size_t clipped_annotations; /* among those added */
  size_t skipped_annotations; /* with those of skipped images */
  size_t skipped_categories;
} scrl_coco_report;

/**
 * Adds the images that a COCO annotation file lists, in its order, with boxes, masks, areas, crowd
 * marks and ids. JPEG files go in as they are; polygons become run lengths as pycocotools makes
 * them. Classes are the categories in the order of their ids.
 *
 * Needed are an image's id and file_name, an annotation's image_id, category_id and a bbox (or a mask
 * to take it from). What lacks them is skipped, and told; so are annotations that name no image or
 * category of the file, boxes without area, with numbers that are not finite, or wholly outside
 * their image where no mask helps; images whose file is missing, unreadable or not of the size told;
 * and entries whose id two files or two class names claim, where annotations use it. A box or
 * polygon that reaches over the edge is clipped to the image, and told.
 *
 * Anything else is optional: null is absent, and what is of no use is ignored and told as a change:
 * iscrowd, difficult, an area (measured instead), width and height (the file's are taken), one
 * polygon of several (the others are kept), a mask (the box is kept without it: polygons outside,
 * run lengths that are broken or of another size), a bbox (made from the mask).
 *
 * Taken as it is meant, with a note for each kind: a byte order mark, UTF-16, numbers in quotes,
 * ids that are text (they get numbers), annotation ids that repeat or are missing (nothing refers
 * to them), polygons nested deeper or flat, b'…' around run lengths, categories of one name (one
 * class, with the id that most annotations have), categories without a name or none at all ("class
 * 3"), no list "annotations" (images without objects), one image listed twice.
 *
 * File names lead to files below `folder`, or below its subfolder `images`: as they stand, with "/"
 * for "\", as whole paths inside the folder, with %20 for a space; then, told as a change, in other
 * letter case or with more or fewer folders in front, where exactly one file fits that is no other
 * image's. Those that lead out of the folder are skipped. Sizes are those of the picture as it is
 * stored: see scrl_writer_set_pictures().
 *
 * options->unreadable may add the picture itself (a PNG that the host can read) by
 * scrl_writer_add_rgb(), _add_oriented() or _add_jpeg() with a NULL annotation: it then gets what
 * the file lists for it, and the callback returns 1. 0: the image is skipped. Negative:
 * SCRL_E_CANCELLED.
 *
 * @param folder      where the images are.
 * @param path        the COCO file; NULL when `json` is given.
 * @param json        its text instead; NULL when `path` is given.
 * @param byte_count  bytes of json.
 * @param options     may be NULL.
 * @param report      may be NULL.
 * @return SCRL_OK, also where much was skipped: see the report; SCRL_E_FORMAT for text that is no
 *         JSON (with line and column) or has no list "images", SCRL_E_IO, SCRL_E_DATA naming the
 *         entry when options->refuse is 1, or for a category
 *         that contradicts a class of the writer, SCRL_E_CANCELLED. After a failure some images
 *         may have been added: free the writer. Since 0.1.
 */
scrl_status scrl_writer_add_coco(scrl_writer *writer, const char *folder, const char *path,
                                 const char *json, size_t byte_count,
                                 const scrl_coco_options *options, scrl_coco_report *report);

/** The number of images added so far. Since 0.1. */
scrl_status scrl_writer_count(scrl_writer *writer, size_t *count);

/**
 * Writes the file, makes it durable and gives it its name; an older dataset of that name is
 * replaced in one step: who has it open goes on reading the older one. The writer then takes no
 * more images.
 * @return SCRL_OK, SCRL_E_IO (disk full: nothing is left behind), SCRL_E_STATE when nothing was
 *         added, it was finished before, or another file has got the name meanwhile. Since 0.1.
 */
scrl_status scrl_writer_finish(scrl_writer *writer);

/** Frees a writer; without scrl_writer_finish() everything it wrote is removed. Since 0.1. */
void scrl_writer_free(scrl_writer *writer);

/* ------------------------------------------------------------------ dataset */

/** A dataset file, open for reading. Reads from several threads run side by side. */
typedef struct scrl_dataset scrl_dataset;

/**
 * Opens a dataset. Only the index is read. A file that another program has open for writing, or
 * left open when it ended, is read as it stands, and the log tells; where its structure is not
 * whole the error does.
 * @return SCRL_OK, SCRL_E_IO, SCRL_E_FORMAT naming what is wrong; for a file of another kind, which.
 * Since 0.1.
 */
scrl_status scrl_dataset_open(const char *path, scrl_dataset **dataset);

/** The number of images. Since 0.1. */
scrl_status scrl_dataset_count(const scrl_dataset *dataset, size_t *count);

/** Height and width of image `index` in pixels. Since 0.1. */
scrl_status scrl_dataset_size(const scrl_dataset *dataset, size_t index, size_t *height,
                              size_t *width);

/**
 * Decodes one image.
 * @param pixels    receives height × width × 3 bytes.
 * @param capacity  bytes of pixels.
 * @return SCRL_OK, SCRL_E_DATA when the stored stream is damaged, SCRL_E_ARGUMENT. Since 0.1.
 */
scrl_status scrl_dataset_read_rgb(const scrl_dataset *dataset, size_t index, uint8_t *pixels,
                                  size_t capacity);

/**
 * Reads one image's JPEG stream.
 * @param bytes     may be NULL when capacity is 0: then only the size is told.
 * @param byte_count  may be NULL; the stream's bytes.
 * Since 0.1.
 */
scrl_status scrl_dataset_read_jpeg(const scrl_dataset *dataset, size_t index, uint8_t *bytes,
                                   size_t capacity, size_t *byte_count);

/** The class of the whole image, −1: none. Since 0.1. */
scrl_status scrl_dataset_label(const scrl_dataset *dataset, size_t index, int32_t *label);

/**
 * The boxes of one image.
 * @param boxes     receives count × 4 floats; may be NULL when capacity is 0.
 * @param labels    receives count classes; may be NULL.
 * @param capacity  boxes that fit.
 * @param count     may be NULL; boxes of the image.
 * Since 0.1.
 */
scrl_status scrl_dataset_boxes(const scrl_dataset *dataset, size_t index, float *boxes,
                               int32_t *labels, size_t capacity, size_t *count);

/**
 * The mask of one box as COCO compressed RLE text; empty when it has none.
 * buffer, capacity and length as in scrl_config_get(). Since 0.1.
 */
scrl_status scrl_dataset_mask(const scrl_dataset *dataset, size_t index, size_t box, char *buffer,
                              size_t capacity, size_t *length);

/**
 * What is marked at the boxes of one image: sums of SCRL_BOX_….
 * @param flags  receives count numbers; may be NULL when capacity is 0.
 * capacity and count as in scrl_dataset_boxes(). Since 0.1.
 */
scrl_status scrl_dataset_box_flags(const scrl_dataset *dataset, size_t index, uint8_t *flags,
                                   size_t capacity, size_t *count);

/**
 * The areas of the boxes of one image in pixels: as annotated, else the mask's, else the box's.
 * @param areas  receives count floats; may be NULL when capacity is 0.
 * capacity and count as in scrl_dataset_boxes(). Since 0.1.
 */
scrl_status scrl_dataset_box_areas(const scrl_dataset *dataset, size_t index, float *areas,
                                   size_t capacity, size_t *count);

/** The COCO id of image `index`, −1: none. Since 0.1. */
scrl_status scrl_dataset_image_id(const scrl_dataset *dataset, size_t index, int64_t *id);

/**
 * The file name by which its annotations called image `index`; empty when none did.
 * buffer, capacity and length as in scrl_config_get(). Since 0.1.
 */
scrl_status scrl_dataset_name(const scrl_dataset *dataset, size_t index, char *buffer,
                              size_t capacity, size_t *length);

/** The number of class names. Since 0.1. */
scrl_status scrl_dataset_class_count(const scrl_dataset *dataset, size_t *count);

/** The name of class `id`; text of the dataset's, valid until it is freed. Since 0.1. */
scrl_status scrl_dataset_class_name(const scrl_dataset *dataset, size_t id, const char **name);

/** The COCO category id of class `id`, −1: none. Since 0.1. */
scrl_status scrl_dataset_class_id(const scrl_dataset *dataset, size_t id, int32_t *category_id);

/**
 * Writes the dataset's boxes as a COCO annotation file, in one step: images, categories, and
 * annotations with bbox, area, iscrowd and masks as compressed RLE. Ids of images and categories
 * are those that they came with, else the first free ones from 1; annotations count from 1. Figures
 * of an imported file come back as they were, where they have up to three decimals (edges are
 * stored as float32) and nothing was clipped.
 * @return SCRL_OK, SCRL_E_IO, SCRL_E_DATA for a box without class or area, SCRL_E_STATE for a path
 *         where other than annotations that this library wrote stand. Since 0.1.
 */
scrl_status scrl_dataset_write_coco(const scrl_dataset *dataset, const char *path);

/** Frees a dataset. Trainers that use it keep what they need. Since 0.1. */
void scrl_dataset_free(scrl_dataset *dataset);

/* -------------------------------------------------------------------- views */

/**
 * The two views of one image and the matched boxes (section 3 of the paper). The caller gives
 * the buffers; S is views.size and B is boxes.per_image. Since 0.1.
 */
typedef struct scrl_view_pair {
  uint32_t struct_size;
  float *view1;     /* 3 × S × S, normalised by ImageNet's mean and deviation */
  float *view2;
  float *boxes1;    /* room for B × 4, pixels of view 1 */
  float *boxes2;    /* the same regions in pixels of view 2 */
  size_t box_count; /* out: B, or 0 when the views overlap too little */
  int32_t crop1[4]; /* out: y, x, height, width in source pixels */
  int32_t crop2[4];
  int32_t flip1;    /* out: 1 when mirrored */
  int32_t flip2;
} scrl_view_pair;

/**
 * Makes the views that training sees for sample `index` in `epoch` under the config's seed.
 * @return SCRL_OK, SCRL_E_DATA for an image that cannot be used, SCRL_E_ARGUMENT. Since 0.1.
 */
scrl_status scrl_views_make(const scrl_dataset *dataset, const scrl_config *config, size_t epoch,
                            size_t index, scrl_view_pair *pair);

/* ------------------------------------------------------------------ tensors */

/**
 * A borrowed float32 tensor, as the host has it. Since 0.1.
 * strides are in elements; all zero means contiguous in the order of shape.
 */
typedef struct scrl_tensor {
  uint32_t struct_size;
  int32_t rank;       /* 1 … 4 */
  const float *data;
  int64_t shape[4];
  int64_t strides[4];
} scrl_tensor;

/** torchvision's parameters of roi_align. Since 0.1. */
typedef struct scrl_roi_align_options {
  uint32_t struct_size;
  int32_t output_height;  /* P_h ≥ 1 */
  int32_t output_width;   /* P_w ≥ 1 */
  float spatial_scale;    /* feature cells per input pixel, such as 1/32 */
  int32_t sampling_ratio; /* samples per output cell and axis; ≤ 0: adaptive */
  int32_t aligned;        /* 1: shift boxes by half a pixel */
} scrl_roi_align_options;

/**
 * RoIAlign (He et al. 2017, section 3): one feature window per box by bilinear sampling.
 * @param features   (N,C,H,W).
 * @param boxes      box_count × (image index, x0, y0, x1, y1) in input pixels.
 * @param pooled     receives (K,C,P_h,P_w).
 * @param capacity   floats that fit pooled.
 * @return SCRL_OK, SCRL_E_SHAPE, SCRL_E_ARGUMENT for a box that is not finite or names no image.
 * Any thread. Since 0.1.
 */
scrl_status scrl_roi_align(const scrl_tensor *features, const float *boxes, size_t box_count,
                           const scrl_roi_align_options *options, float *pooled, size_t capacity);

/**
 * The gradient of scrl_roi_align() by its features.
 * @param gradient        (K,C,P_h,P_w), by the pooled values.
 * @param feature_shape   N, C, H, W of the features.
 * @param feature_gradient  receives (N,C,H,W).
 * @param capacity        floats that fit feature_gradient.
 * Since 0.1.
 */
scrl_status scrl_roi_align_backward(const scrl_tensor *gradient, const float *boxes,
                                    size_t box_count, const scrl_roi_align_options *options,
                                    const int64_t feature_shape[4], float *feature_gradient,
                                    size_t capacity);

/* -------------------------------------------------------------------- state */

/**
 * The named tensors of a model, a trainer or a detector: weights, running statistics, and what else
 * a checkpoint keeps of its networks. A view: it reads and writes the owner's own tensors, between
 * the owner's calls, and stays valid when the owner is freed. Any number of views may be had.
 */
typedef struct scrl_state scrl_state;

/** One tensor. Since 0.1. */
typedef struct scrl_state_info {
  uint32_t struct_size;
  const char *name;  /* "online.encoder.layer1.0.conv1.weight"; valid while the view lives */
  int32_t rank;      /* 1 … 4 */
  int64_t shape[4];  /* torchvision's shapes: (O,I,h,w), (O,I), (C) */
  int64_t count;     /* elements */
  int32_t trainable; /* 0 for running statistics */
} scrl_state_info;

/** The number of tensors. Since 0.1. */
scrl_status scrl_state_count(scrl_state *state, size_t *count);

/** Describes tensor `index`. @return SCRL_OK, SCRL_E_ARGUMENT for an index beyond. Since 0.1. */
scrl_status scrl_state_at(scrl_state *state, size_t index, scrl_state_info *info);

/**
 * Copies a tensor out, in the order of its shape; waits while its owner is in a call.
 * @param count  floats in `values`; must be the tensor's element count.
 * @return SCRL_OK, SCRL_E_ARGUMENT for an unknown name, SCRL_E_SHAPE for another count. Since 0.1.
 */
scrl_status scrl_state_read(scrl_state *state, const char *name, float *values, size_t count);

/**
 * Copies a tensor in; values must be finite. Waits while its owner is in a call.
 * @return SCRL_OK, SCRL_E_ARGUMENT for an unknown name or values that are not finite,
 *         SCRL_E_SHAPE for another count. Since 0.1.
 */
scrl_status scrl_state_write(scrl_state *state, const char *name, const float *values,
                             size_t count);

/** Frees a view; the tensors stay their owner's. Since 0.1. */
void scrl_state_free(scrl_state *state);

/* -------------------------------------------------------------------- model */

/** A backbone for inference: BatchNorm uses its running statistics. */
typedef struct scrl_model scrl_model;

/** A model with fresh weights drawn from the config's seed. Since 0.1. */
scrl_status scrl_model_new(const scrl_config *config, scrl_model **model);

/**
 * The online backbone of a checkpoint: a file, or a run folder whose newest whole one is taken.
 * @return SCRL_OK, SCRL_E_IO, SCRL_E_FORMAT. Since 0.1.
 */
scrl_status scrl_model_load(const char *path, scrl_model **model);

/** Saves the backbone as a checkpoint that scrl_model_load() reads. Since 0.1. */
scrl_status scrl_model_save(scrl_model *model, const char *path);

/** A copy of the model's config; the caller frees it. Since 0.1. */
scrl_status scrl_model_config(scrl_model *model, scrl_config **config);

/** The model's weights and statistics, online.encoder.*; the caller frees the view. Since 0.1. */
scrl_status scrl_model_state(scrl_model *model, scrl_state **state);

/**
 * The shape (N,C,h,w) of a stage's feature map for images of height × width.
 * @param stage  "layer1" … "layer4". Since 0.1.
 */
scrl_status scrl_model_feature_shape(scrl_model *model, const char *stage, size_t images,
                                     size_t height, size_t width, int64_t shape[4]);

/**
 * The feature map of a stage.
 * @param images    (N,3,H,W), normalised as scrl_image_prepare() does: about −2.2 … 2.7. Values
 *                  beyond ±30, such as bytes as floats, are SCRL_E_ARGUMENT; pictures that lie in
 *                  0 … 1 as a whole are told to the log once a model.
 * @param features  receives (N,C,h,w), see scrl_model_feature_shape().
 * @param capacity  floats that fit features.
 * @return SCRL_OK, SCRL_E_SHAPE; SCRL_E_ARGUMENT also for pixels that are not finite;
 *         SCRL_E_DIVERGED when the model's weights, or what its BatchNorms make of them, are not;
 *         SCRL_E_MEMORY. The first call after weights have changed takes longer: it folds every
 *         BatchNorm into its convolution, a second copy of the weights. So do the two calls
 *         below, which answer likewise. Since 0.1.
 */
scrl_status scrl_model_features(scrl_model *model, const scrl_tensor *images, const char *stage,
                                float *features, size_t capacity);

/** The length F of an embedding: the channels of the stage that training shapes. Since 0.1. */
scrl_status scrl_model_embedding_size(scrl_model *model, size_t *size);

/**
 * Globally average-pooled features of the last stage that training shapes, the config's roi.stage.
 * Receives (N,F). Since 0.1.
 */
scrl_status scrl_model_embed(scrl_model *model, const scrl_tensor *images, float *embeddings,
                             size_t capacity);

/**
 * RoIAligned features of regions, at the config's roi.stage: one cell a region, whatever
 * roi.pool_size training used.
 * @param boxes       box_count × (image index, x0, y0, x1, y1) in pixels of `images`.
 * @param embeddings  receives (K,F_r), F_r the channels of roi.stage.
 * Since 0.1.
 */
scrl_status scrl_model_embed_regions(scrl_model *model, const scrl_tensor *images,
                                     const float *boxes, size_t box_count, float *embeddings,
                                     size_t capacity);

/** The length F_r of a region embedding. Since 0.1. */
scrl_status scrl_model_region_size(scrl_model *model, size_t *size);

/** Frees a model. Since 0.1. */
void scrl_model_free(scrl_model *model);

/**
 * Prepares pixels for a model: shorter side to size + 32 scaled alike, centre crop, normalised.
 * @param pixels  height rows of width × 3 bytes.
 * @param size    side S of the result in pixels.
 * @param image   receives 3 × S × S floats. Since 0.1.
 */
scrl_status scrl_image_prepare(const uint8_t *pixels, size_t height, size_t width, size_t size,
                               float *image, size_t capacity);

/* ------------------------------------------------------------------ trainer */

/**
 * Pretraining by the config's method. SCRL and BYOL: online network, target network, predictor
 * (and, with probe.online, a linear probe). Supervised: network and classifier.
 */
typedef struct scrl_trainer scrl_trainer;

/** What one step did. Since 0.1. */
typedef struct scrl_step_report {
  uint32_t struct_size;
  int32_t did_step;     /* 0: no image gave a box (or label), nothing changed but the step's number */
  uint64_t step;        /* steps done, this one included */
  uint64_t total_steps; /* steps of the whole schedule */
  uint64_t epoch;       /* of this step's samples, from 0 */
  double loss;          /* mean over the box pairs, in [0, 8]; supervised: cross entropy */
  double learning_rate; /* as used in this step */
  double ema_momentum;  /* as used in this step */
  uint64_t boxes;       /* pairs in the loss: boxes (SCRL), images (BYOL), labelled images */
  uint64_t skipped;     /* images of this step without boxes or labels, or that were unreadable */
  double seconds;       /* duration of the step, waiting for data included */
  double wait_seconds;  /* of it, waiting for data */
  uint64_t steps_skipped; /* steps of the run so far with did_step 0 */
  double probe_loss;    /* cross entropy of the online probe; 0 without one */
  double accuracy;      /* share of this step's labelled views that the probe, or the supervised
                           classifier, names rightly before the update; NaN without labels */
  double deviation;     /* of the online projections (supervised: pooled features) of this step, every
                           health.every steps, else NaN: see scrl_health_report */
  double effective_rank;      /* of at most 256 of them */
  double positive_similarity; /* mean cosine of matched regions or views */
  double negative_similarity; /* of those of different images; NaN where there is one image */
  const char *collapse; /* the sign of collapse that this step saw, by the limits of
                           scrl_evaluate_health(), or an effective rank of projections below 0.06 of
                           what it could be; NULL: none, or it did not look. The library's, valid for
                           ever */
} scrl_step_report;

/**
 * A trainer.
 * @param dataset     may be NULL: then only scrl_trainer_step_on() works, and an epoch of the
 *                    schedule is one step. Set train.steps to the steps you mean to do: after the
 *                    schedule's end the rate is 0.
 * @param run_folder  where checkpoints and metrics.jsonl go; made when missing. NULL: nowhere. A
 *                    folder that holds a checkpoint is refused: use scrl_trainer_resume(). One
 *                    whose run ended before its first is begun anew; its metrics.jsonl is set aside
 *                    as metrics-1.jsonl (or the next free number). Until the handle is freed no
 *                    other trainer, of any process, gets the folder; a process that dies, and a
 *                    forked child, leave it free.
 * @return SCRL_OK, SCRL_E_CONFIG, SCRL_E_IO, SCRL_E_STATE for a folder that holds a run or that
 *         another one works in (the text tells its process), SCRL_E_DATA for a dataset smaller
 *         than a batch or without the labels that method=supervised and probe.online need,
 *         SCRL_E_UNSUPPORTED for a backend or precision that this machine lacks, SCRL_E_MEMORY.
 *         Since 0.1.
 */
scrl_status scrl_trainer_new(const scrl_config *config, const scrl_dataset *dataset,
                             const char *run_folder, scrl_trainer **trainer);

/**
 * Goes on where a run stopped; every later byte is as if it had not, the algorithms that
 * compute.winograd=auto has chosen included. Of metrics.jsonl only lines of later steps are
 * removed; lines that are no step's stay, such as are no text go to metrics-foreign.jsonl.
 * @param path     a run folder (its newest whole checkpoint is taken; the log tells what was
 *                 skipped) or a checkpoint file.
 * @param dataset  may be NULL: the file named in the checkpoint is opened.
 * @return SCRL_OK, SCRL_E_IO (also: no checkpoint yet), SCRL_E_FORMAT, SCRL_E_DATA when the dataset
 *         is another one, SCRL_E_STATE for a folder that another trainer works in. Since 0.1.
 */
scrl_status scrl_trainer_resume(const char *path, const scrl_dataset *dataset,
                                scrl_trainer **trainer);

/**
 * As scrl_trainer_resume(), with another length, rate, number of threads, …: keys whose
 * scrl_config_key has fixed NULL. Schedules are made anew over the whole new length, from step 0,
 * and later checkpoints hold the new values.
 * @param changes  key, value, key, value, …, NULL; texts as in scrl_config_set(). NULL: none. A
 *                 key given the value that the run has is no change.
 * @return also SCRL_E_CONFIG, naming a key that cannot change, and why. Since 0.1.
 */
scrl_status scrl_trainer_resume_with(const char *path, const scrl_dataset *dataset,
                                     const char *const *changes, scrl_trainer **trainer);

/**
 * Runs one optimisation step on the dataset's next batch.
 * @param report  may be NULL.
 * @return SCRL_OK, SCRL_E_DIVERGED (the weights are those of before the step), SCRL_E_STATE
 *         without a dataset or after the last step. Since 0.1.
 */
scrl_status scrl_trainer_step(scrl_trainer *trainer, scrl_step_report *report);

/**
 * Runs one step on views that the host made.
 * @param view1, view2  (N,3,S,S), normalised; N ≥ 1, S ≥ 1 need not be the config's.
 * @param boxes1, boxes2  box_count × (image index in 0 … N−1, x0, y0, x1, y1) in view pixels;
 *                      row k of both is the same region. Only SCRL reads them; else they may be NULL.
 * @param labels        N classes in 0 … train.classes−1, −1: none. Only method=supervised and
 *                      probe.online read them; else they may be NULL.
 * @param report        may be NULL.
 * @return as scrl_trainer_step(), SCRL_E_SHAPE, SCRL_E_ARGUMENT. Since 0.1.
 */
scrl_status scrl_trainer_step_on(scrl_trainer *trainer, const scrl_tensor *view1,
                                 const scrl_tensor *view2, const float *boxes1,
                                 const float *boxes2, size_t box_count, const int32_t *labels,
                                 scrl_step_report *report);

/** Hears of every step of scrl_trainer_run(). Non-zero stops it after this step. */
typedef int32_t (*scrl_step_fn)(const scrl_step_report *report, void *user);

/**
 * Trains, writes metrics and checkpoints into the run folder, and saves at the end or when stopped.
 * Checkpoints on the way: every checkpoint.every steps, under the step's number and as
 * checkpoint.h5; every checkpoint.minutes, and within a run's first minute (after its first step
 * when that takes longer), as checkpoint.h5 alone.
 * @param steps     at most so many steps now; 0: to the end of the schedule.
 * @param callback  may be NULL; called on the calling thread.
 * @return SCRL_OK at the end, SCRL_E_CANCELLED when stopped (all is saved), SCRL_E_DIVERGED (the
 *         last good checkpoint is kept), SCRL_E_IO. Since 0.1.
 */
scrl_status scrl_trainer_run(scrl_trainer *trainer, uint64_t steps, scrl_step_fn callback,
                             void *user);

/**
 * Asks scrl_trainer_run() to stop: a running one after its step, else the next one before its
 * first. Each request stops one run; it is saved and answers SCRL_E_CANCELLED. Any thread, at any
 * time, and async-signal-safe: it may be called in a signal handler whatever that has interrupted.
 * @return SCRL_OK, SCRL_E_ARGUMENT for NULL and what is no living trainer, SCRL_E_FORKED. It leaves
 *         scrl_last_error() as it is. Since 0.1.
 */
scrl_status scrl_trainer_cancel(scrl_trainer *trainer);

/** Saves a checkpoint at `path`, whole or not at all. Since 0.1. */
scrl_status scrl_trainer_save(scrl_trainer *trainer, const char *path);

/** Steps done and steps of the whole schedule; either may be NULL. Since 0.1. */
scrl_status scrl_trainer_progress(scrl_trainer *trainer, uint64_t *step, uint64_t *total);

/** A copy of the trainer's config; the caller frees it. Since 0.1. */
scrl_status scrl_trainer_config(scrl_trainer *trainer, scrl_config **config);

/**
 * All that a checkpoint keeps of the networks: online.*, target.*, predictor.*, probe.*; supervised:
 * online.encoder.*, classifier.*. The caller frees the view. Since 0.1.
 */
scrl_status scrl_trainer_state(scrl_trainer *trainer, scrl_state **state);

/**
 * Where the last step's time went: a JSON object of seconds by part (wait, online_forward,
 * target_forward, backward, update, other). buffer, capacity and length as in scrl_config_get().
 * Since 0.1.
 */
scrl_status scrl_trainer_profile(scrl_trainer *trainer, char *buffer, size_t capacity,
                                 size_t *length);

/** Frees a trainer; its threads have ended when this returns. Saves nothing. Since 0.1. */
void scrl_trainer_free(scrl_trainer *trainer);

/* ----------------------------------------------------------------- evaluate */

/*
 * Classes of two files. A class's number is one file's own business, so whatever compares two files
 * (train and test, a detector and a dataset, annotations and detections) matches their classes by
 * name: equal names, and of those left over a name that differs only in case or white space from
 * exactly one of the other file. By COCO category id only where one file has no names and both have
 * ids, by number only where there is neither. What was not matched by equal names, and what one
 * side lacks, is told in the log (scrl_log_set) and counted in the report. Files that have names
 * and share none, and a name that several classes in use of one file have, are SCRL_E_DATA. Calls
 * that take a host's features (…_on) have numbers alone, and compare those.
 */

/**
 * Hears how far an evaluation is, on the calling thread, after every few images.
 * @param epoch   of the layer's training, from 1; 0 while features are made before it.
 * @param epochs  in all.
 * @param done    images through the backbone so far; rows through the layer when the host gave
 *                features.
 * @param total   the same at the end: done / total is the share of the work.
 * @param loss    cross entropy, mean over this epoch so far; 0 before its first batch.
 * @return non-zero stops the evaluation with SCRL_E_CANCELLED. Since 0.1.
 */
typedef int32_t (*scrl_linear_fn)(size_t epoch, size_t epochs, size_t done, size_t total,
                                  double loss, void *user);

/**
 * How a linear evaluation goes. Zeroes are good defaults: the published recipe, with features,
 * batch and start that small sets can be learnt with. Its letter: raw_features 1, quirks 2, batch
 * 128. Since 0.1.
 */
typedef struct scrl_linear_options {
  uint32_t struct_size;
  int32_t epochs;        /* passes over the train images; 0: 80 */
  int32_t warmup_epochs; /* of linear warm-up, below epochs; 0: 5, or epochs − 1 when that is less;
                            −1: none */
  int32_t crops;         /* 0: a fresh random crop of every image in every epoch, as published;
                            n in 1 … 1000: n random crops of every image go through the backbone
                            once and take turns; −1: the centre crop alone, once */
  uint64_t batch;        /* images a step, at most the train images; 0: 256, less for fewer than
                            4096 images: the largest power of two, 8 or more, that leaves 16 steps
                            an epoch */
  double base_lr;        /* learning rate at batch 256, scaled linearly; 0: 0.2, for a BYOL model
                            0.05 */
  int32_t raw_features;  /* 1: features as they are; 0: less their means over the train images and
                            divided by one size of them all, without which small sets underfit */
  int32_t quirks;        /* 1: corrected, plain SGD from a zero layer; 2: official, SGD inside LARS
                            from torch.nn.Linear's random start; 0: the model's, else corrected */
  uint64_t size;         /* side of a view in pixels, 1 … 4096; 0: the model's views.size */
  uint64_t seed;         /* of crops, order, held-out images and the random start */
  int32_t view_threads;  /* threads that make views, 1 … 256; 0: as many as compute. No result
                            depends on it */
  scrl_linear_fn progress; /* may be NULL */
  void *user;            /* handed to it */
} scrl_linear_options;

/** What a linear evaluation found. Accuracies are shares in 0 … 1. Since 0.1. */
typedef struct scrl_linear_report {
  uint32_t struct_size;
  int32_t classes;       /* distinct classes of the train images: outputs of the layer */
  double accuracy;       /* of the test images after the last epoch */
  double top5;           /* test images whose class is among the five largest outputs */
  double best_accuracy;  /* the best of every fifth epoch and the last */
  uint64_t best_epoch;   /* the first that reached it, from 1 */
  double train_accuracy; /* of the last epoch's batches, each before its step */
  double loss;           /* cross entropy of the same, mean over the images */
  uint64_t train_images;
  uint64_t test_images;
  uint64_t left_out;     /* images of both without a label, or that cannot be read */
  uint64_t unseen;       /* test images of a class that no train image has: counted as wrong */
  uint64_t batch;        /* as used */
  double base_lr;        /* as used */
  double seconds;
  const char *matched_by;     /* see "Classes of two files": "names", "ids" or "numbers"; "" when
                                 there was one */
  uint64_t unknown_classes;   /* of test, that train lacks */
  uint64_t absent_classes;    /* of train, that test lacks */
  const char *unknown_names;  /* of both, a JSON list of texts; valid for ever */
  const char *absent_names;
} scrl_linear_report;

/**
 * Linear evaluation of a frozen backbone: one linear layer on its embeddings learns the train
 * images' labels by softmax cross entropy and is judged on the test images. SGD, Nesterov momentum
 * 0.9, no weight decay; linear warm-up per step, then cosine to 0 (Roh et al. 2021, section 4;
 * Grill et al. 2020, appendix C). Train views: random crops of 0.08 … 1 of the area, mirrored at
 * p 0.5; test views: shorter side to size + 32, centre crop. BatchNorm uses its running statistics.
 *
 * Its cost is that of the images through the backbone: with crops 0 the train images × (epochs + 1)
 * + the test images (the 1 is a pass for means and scale; raw features do without), with
 * crops n × the train images + the test images. Only crops other than 0 keep the train images'
 * features: 4 bytes × n × images × scrl_model_embedding_size().
 *
 * The result depends on model, images, options and the model's threads alone, bit for bit.
 * @param train    needs labels of two classes or more. Images without a label are left out.
 * @param test     NULL: every fifth of the train images, class by class, in an order drawn from
 *                 the seed, is held out.
 * @param options  may be NULL.
 * @param report   may be NULL.
 * @return SCRL_OK; SCRL_E_DATA for a dataset without labels, of one class, smaller than a batch,
 *         or with no image left to train or test on; SCRL_E_ARGUMENT for options out of range;
 *         SCRL_E_CONFIG for warm-up as long as the training; SCRL_E_DIVERGED when features or loss
 *         are not finite; SCRL_E_CANCELLED; SCRL_E_MEMORY. Runs on the calling thread and holds the
 *         model meanwhile. Since 0.1.
 */
scrl_status scrl_evaluate_linear(scrl_model *model, const scrl_dataset *train,
                                 const scrl_dataset *test, const scrl_linear_options *options,
                                 scrl_linear_report *report);

/**
 * The same on features that the host has; crops, size and view_threads are not used. Computes on
 * all CPUs that the process may use.
 * @param train_features  (N,F), F ≥ 1; copied.
 * @param train_labels    N classes ≥ 0, −1: the row is left out.
 * @param test_features   (M,F); NULL: a fifth of the train rows is held out.
 * @param test_labels     M classes; NULL exactly when test_features is.
 * @return as scrl_evaluate_linear(); SCRL_E_SHAPE for features of another length, SCRL_E_ARGUMENT
 *         for features that are not finite or labels below −1. Any thread. Since 0.1.
 */
scrl_status scrl_evaluate_linear_on(const scrl_tensor *train_features,
                                    const int32_t *train_labels,
                                    const scrl_tensor *test_features, const int32_t *test_labels,
                                    const scrl_linear_options *options,
                                    scrl_linear_report *report);

/* -------------------------------------------------------------- quick judges */

/*
 * Judges of a frozen backbone that take seconds to minutes. All run on the calling thread, hold the
 * model meanwhile, and depend on model, images, options and the model's threads alone, bit for bit.
 * Images that cannot be read are noted in the log, left out and counted.
 */

/**
 * Hears how far an evaluation is, on the calling thread, after every few images.
 * @param done   images through the backbone so far; rows where the host gave features.
 * @param total  the same at the end. A last part that needs no images repeats done = total.
 * @return non-zero stops the evaluation with SCRL_E_CANCELLED. Since 0.1.
 */
typedef int32_t (*scrl_evaluate_fn)(size_t done, size_t total, void *user);

/** How k-NN evaluation goes. Zeroes are good defaults. Since 0.1. */
typedef struct scrl_knn_options {
  uint32_t struct_size;
  int32_t neighbours;    /* k, 1 … 1000000; of fewer train images all; 0: 200 */
  double temperature;    /* T, 0.003 … 1000; 0: 0.07 */
  uint64_t size;         /* side of the centre crop in pixels, 1 … 4096; 0: the model's views.size */
  uint64_t train_images; /* at most so many labelled ones, drawn by the seed; 0: all */
  uint64_t test_images;
  uint64_t seed;         /* of held-out and drawn images */
  int32_t view_threads;  /* threads that make views, 1 … 256; 0: as many as compute */
  scrl_evaluate_fn progress; /* may be NULL */
  void *user;            /* handed to it */
} scrl_knn_options;

/** What k-NN evaluation found. Accuracies are shares of the test images. Since 0.1. */
typedef struct scrl_knn_report {
  uint32_t struct_size;
  int32_t classes;       /* distinct classes of the train images */
  double accuracy;
  double top5;           /* the class is among the five with the most votes */
  double chance;         /* accuracy of always naming the train images' most frequent class */
  uint64_t neighbours;   /* as used */
  uint64_t train_images;
  uint64_t test_images;
  uint64_t left_out;     /* images of both without a label, or that cannot be read */
  uint64_t unseen;       /* test images of a class that no train image has: counted as wrong */
  double seconds;
  const char *matched_by;     /* see "Classes of two files": "names", "ids" or "numbers"; "" when
                                 there was one */
  uint64_t unknown_classes;   /* of test, that train lacks */
  uint64_t absent_classes;    /* of train, that test lacks */
  const char *unknown_names;  /* of both, a JSON list of texts; valid for ever */
  const char *absent_names;
} scrl_knn_report;

/**
 * k-NN evaluation: each test image's class by the vote of the k train images closest to it, by the
 * cosine s of their embeddings and with the weight exp(s / T) (Wu et al. 2018, section 3.4). Centre
 * crops, no training: a pass over the images. A class without a vote is never named; of equal votes
 * the smaller class is. Memory: 8 bytes × images × scrl_model_embedding_size().
 * @param train, test, options, report  as for scrl_evaluate_linear().
 * @return as scrl_evaluate_linear(). Since 0.1.
 */
scrl_status scrl_evaluate_knn(scrl_model *model, const scrl_dataset *train,
                              const scrl_dataset *test, const scrl_knn_options *options,
                              scrl_knn_report *report);

/** The same on features that the host has, as scrl_evaluate_linear_on(). Since 0.1. */
scrl_status scrl_evaluate_knn_on(const scrl_tensor *train_features, const int32_t *train_labels,
                                 const scrl_tensor *test_features, const int32_t *test_labels,
                                 const scrl_knn_options *options, scrl_knn_report *report);

/**
 * How the judges of labelled boxes go. Zeroes are good defaults. Since 0.1.
 * scrl_evaluate_retrieval() uses stage, size, longest, test_images, seed, view_threads and progress.
 */
typedef struct scrl_region_options {
  uint32_t struct_size;
  int32_t neighbours;    /* k of the vote, 1 … 1000000; of fewer train boxes all; 0: 20 */
  const char *stage;     /* "layer1" … "layer4", whose features are pooled; NULL: the model's
                            roi.stage */
  uint64_t size;         /* pixels of a picture's shorter side, 1 … 4096; 0: as it is stored */
  uint64_t longest;      /* pixels of its longer side at most, 1 … 8192; 0: 1333 */
  uint64_t train_images; /* at most so many images with boxes, drawn by the seed; 0: all */
  uint64_t test_images;
  int32_t epochs;        /* of the linear layer; 0: 80 */
  int32_t view_threads;  /* threads that decode and resize, 1 … 256; 0: as many as compute */
  uint64_t batch;        /* boxes a step; 0: as scrl_linear_options, by the number of train boxes */
  double base_lr;        /* learning rate at batch 256, scaled linearly; 0: 0.2 */
  uint64_t seed;         /* of held-out and drawn images, and the order of boxes */
  scrl_evaluate_fn progress; /* may be NULL */
  void *user;            /* handed to it */
} scrl_region_options;

/** What region evaluation found. Accuracies are shares of the test boxes. Since 0.1. */
typedef struct scrl_region_report {
  uint32_t struct_size;
  int32_t classes;        /* distinct classes of the train boxes: outputs of the layer */
  double linear_accuracy; /* after the last epoch */
  double linear_top5;
  double knn_accuracy;
  double knn_top5;
  double chance;          /* accuracy of always naming the train boxes' most frequent class */
  uint64_t train_boxes;
  uint64_t test_boxes;
  uint64_t train_images;
  uint64_t test_images;
  uint64_t left_out;      /* boxes of these images: no label, a crowd, nothing inside the picture, or
                             of an image that cannot be read */
  uint64_t unseen;        /* test boxes of a class that no train box has: counted as wrong */
  uint64_t neighbours;    /* as used */
  uint64_t batch;         /* as used */
  double base_lr;         /* as used */
  double seconds;
  const char *matched_by;     /* see "Classes of two files": "names", "ids" or "numbers"; "" when
                                 there was one */
  uint64_t unknown_classes;   /* of test, that train lacks */
  uint64_t absent_classes;    /* of train, that test lacks */
  const char *unknown_names;  /* of both, a JSON list of texts; valid for ever */
  const char *absent_names;
} scrl_region_report;

/**
 * Region-linear and region-k-NN evaluation: the class of ground-truth boxes from one RoIAligned
 * vector a box. The frozen backbone sees whole pictures at their own aspect, once; the layer learns
 * by the recipe of scrl_evaluate_linear() on features that are kept, the vote is that of
 * scrl_evaluate_knn() with T = 0.07. Boxes without a label and crowds take no part.
 * Memory: 8 bytes × boxes × channels of the stage.
 * @param train    images with labelled boxes of two classes or more.
 * @param test     NULL: a fifth of the train images is held out, drawn by the seed.
 * @param options  may be NULL.
 * @param report   may be NULL.
 * @return SCRL_OK; SCRL_E_DATA for datasets without labelled boxes, of one class or smaller than a
 *         batch; SCRL_E_ARGUMENT for options out of range; SCRL_E_DIVERGED, SCRL_E_CANCELLED,
 *         SCRL_E_MEMORY. Since 0.1.
 */
scrl_status scrl_evaluate_regions(scrl_model *model, const scrl_dataset *train,
                                  const scrl_dataset *test, const scrl_region_options *options,
                                  scrl_region_report *report);

/**
 * What retrieval of boxes found: means over the boxes that have another of their class in another
 * image. Since 0.1.
 */
typedef struct scrl_retrieval_report {
  uint32_t struct_size;
  int32_t classes;
  double precision1;  /* share of the box's class among the closest box, */
  double precision5;  /* the 5 closest, */
  double precision20; /* the 20 closest; of fewer boxes all */
  double mean_average_precision; /* over the whole ranking */
  double chance;      /* share of the box's class among all boxes of other images */
  uint64_t boxes;     /* asked */
  uint64_t alone;     /* boxes without another of their class in another image: not asked */
  uint64_t images;
  uint64_t left_out;  /* boxes, as in scrl_region_report */
  double seconds;
} scrl_retrieval_report;

/**
 * Retrieval of labelled boxes: each box ranks the boxes of all other images by the cosine of their
 * RoIAligned features; of equals the earlier box comes first. Nothing is learnt.
 * @param options  may be NULL; test_images bounds the images.
 * @param report   may be NULL.
 * @return SCRL_OK; SCRL_E_DATA without labelled boxes, or when none has another of its class in
 *         another image; else as scrl_evaluate_regions(). Since 0.1.
 */
scrl_status scrl_evaluate_retrieval(scrl_model *model, const scrl_dataset *dataset,
                                    const scrl_region_options *options,
                                    scrl_retrieval_report *report);

/**
 * The same on features that the host has; of the options progress alone is used.
 * @param features  (K,F).
 * @param labels    K classes ≥ 0, −1: the row is left out.
 * @param images    K numbers: rows of one image do not answer each other.
 * @return as scrl_evaluate_retrieval(), SCRL_E_SHAPE; SCRL_E_ARGUMENT for features that are not
 *         finite or labels below −1. Any thread. Since 0.1.
 */
scrl_status scrl_evaluate_retrieval_on(const scrl_tensor *features, const int32_t *labels,
                                       const int32_t *images, const scrl_region_options *options,
                                       scrl_retrieval_report *report);

/** How the judges that need no labels go. Zeroes are good defaults. Since 0.1. */
typedef struct scrl_pair_options {
  uint32_t struct_size;
  int32_t view_threads; /* threads that make views, 1 … 256; 0: as many as compute */
  const char *stage;    /* "layer1" … "layer4"; NULL: the stage that training shapes */
  uint64_t size;        /* side of a view in pixels, 16 … 4096; 0: the model's views.size */
  uint64_t images;      /* at most so many, drawn by the seed; 0: 500 */
  uint64_t seed;        /* of drawn images and their views */
  int32_t grid;         /* correspondence: cells asked along a side, 1 … 256, evenly spaced; all where
                           there are fewer; 0: 16 */
  int32_t distort;      /* correspondence: 1: colours and blur change too; 0: crop and mirroring */
  int32_t rows;         /* health: 1: whole views, 2: matched regions; 0: regions for a model of SCRL,
                           whole views for others */
  scrl_evaluate_fn progress; /* may be NULL */
  void *user;           /* handed to it */
} scrl_pair_options;

/** What dense correspondence found. Errors are in pixels of the stored images. Since 0.1. */
typedef struct scrl_correspondence_report {
  uint32_t struct_size;
  double mean_error;
  double median_error;
  double within_cell;   /* share of matches at most a cell of view 2 away, along both axes */
  double chance_error;  /* mean error of taking any cell of view 2 blindly */
  double chance_within;
  double least_error;   /* mean error of taking the nearest cell of view 2: the grid's own */
  uint64_t cells;       /* asked */
  uint64_t images;      /* with cells to ask */
  uint64_t left_out;    /* images that cannot be read, or whose views share no cell */
  double seconds;
} scrl_correspondence_report;

/**
 * Dense correspondence: two random crops of an image, perhaps mirrored, of which it is known where
 * they lie. For each cell of view 1 whose centre view 2 shows, the cell of view 2 with the largest
 * cosine is taken; the error is the distance of the centres in the image. A cell's centre is that of
 * its share of the view. Features that know where things are find their place again; pooled or
 * collapsed ones do no better than chance.
 * @param options  may be NULL; rows is not used.
 * @param report   may be NULL.
 * @return SCRL_OK; SCRL_E_DATA when no image gave views that share a cell; SCRL_E_ARGUMENT for
 *         options out of range; SCRL_E_DIVERGED, SCRL_E_CANCELLED, SCRL_E_MEMORY. Since 0.1.
 */
scrl_status scrl_evaluate_correspondence(scrl_model *model, const scrl_dataset *dataset,
                                         const scrl_pair_options *options,
                                         scrl_correspondence_report *report);

/** Whether features are alive, by numbers that need no labels. Since 0.1. */
typedef struct scrl_health_report {
  uint32_t struct_size;
  int32_t rank_limit;    /* that the rank can reach: the fewer of the rows looked at and features */
  double deviation;      /* √F · mean deviation of the features of unit vectors (Chen & He 2021): 1
                            when they point everywhere alike, 0 when all are the same */
  double effective_rank; /* exp of the entropy of the normalised singular values (RankMe, Garrido et
                            al. 2023); NaN where OpenBLAS has no LAPACK */
  double positive_similarity; /* mean cosine of matched rows; NaN without */
  double negative_similarity; /* of rows of different images; NaN without */
  const char *collapse;  /* the sign of collapse that was seen, one line; NULL: none. The library's,
                            valid for ever */
  uint64_t pairs;        /* rows, each of two views */
  uint64_t features;     /* F */
  uint64_t images;       /* that gave rows */
  uint64_t left_out;     /* images that cannot be read, or without a matched region */
  double seconds;
} scrl_health_report;

/**
 * The health of a backbone's features on pairs of views, made as the model's own method makes them,
 * or on their matched regions. The rank is that of at most 1024 rows, evenly spaced. `collapse` names
 * the first that holds of: deviation below 0.02; effective rank below 1.5 where 8 could be; with 100
 * images or more, (positive − negative) / (1 − negative) similarity below 0.02. Fresh weights are
 * healthy: this tells a dead network, not a good one. In small views the sides of regions may be
 * smaller than boxes.min_size: a quarter of the view.
 * @param options  may be NULL; grid and distort are not used.
 * @param report   may be NULL.
 * @return as scrl_evaluate_correspondence(). Since 0.1.
 */
scrl_status scrl_evaluate_health(scrl_model *model, const scrl_dataset *dataset,
                                 const scrl_pair_options *options, scrl_health_report *report);

/**
 * The same on features that the host has; the rank is that of all rows of both.
 * @param features  (N,F), N ≥ 2.
 * @param partners  (N,F), of other views of the same things; NULL: none, then without similarities.
 * @param report    may be NULL.
 * @return SCRL_OK, SCRL_E_SHAPE, SCRL_E_ARGUMENT for features that are not finite, SCRL_E_MEMORY.
 *         Any thread. Since 0.1.
 */
scrl_status scrl_evaluate_health_on(const scrl_tensor *features, const scrl_tensor *partners,
                                    scrl_health_report *report);

/* ------------------------------------------------------------- COCO metrics */

/** What is laid over each other to decide whether a detection has found an object. Since 0.1. */
enum { SCRL_COCO_BBOX = 0, SCRL_COCO_SEGM = 1 };

/**
 * Receives a text once, on the calling thread.
 * @param text  UTF-8, byte_count bytes and a NUL; only during the call.
 */
typedef void (*scrl_text_fn)(const char *text, size_t byte_count, void *user);

/** How scrl_coco_evaluate() goes. Zeroes are good defaults. Since 0.1. */
typedef struct scrl_coco_metrics_options {
  uint32_t struct_size;
  int32_t leave_out; /* 0: the first entry that cannot be used is SCRL_E_DATA; 1: such entries are
                        left out, counted, and listed in the details */
  int32_t curves;    /* 1: the details hold every class's precision over recall */
  int32_t threads;   /* 1 … 256; 0: as many as CPUs. No result depends on it */
  scrl_text_fn details; /* may be NULL; receives the result as JSON */
  void *user;        /* handed to it */
  int32_t max_detections[3]; /* detections of an image and class that count, three rising numbers
                                up to 1000000; zeroes: 1, 10, 100 */
  const char *categories; /* JSON: the categories that the detections' ids are of, a list of
                             {id, name} or an object that has it as "categories"; NULL: those that
                             the detections bring along, else the ground truth's */
  size_t category_bytes;  /* of that text; no NUL is needed */
} scrl_coco_metrics_options;

/**
 * COCO's twelve figures, shares in 0 … 1; −1: there is no object to find. All but ar1 and ar10 are
 * with max_detections[2]; ar1, ar10 and ar100 keep these names whatever the limits are.
 * Since 0.1.
 */
typedef struct scrl_coco_metrics {
  uint32_t struct_size;
  int32_t categories;   /* of the ground truth */
  double ap;            /* mean over overlaps 0.50, 0.55, … 0.95 */
  double ap50;          /* at overlap 0.50 */
  double ap75;
  double ap_small;      /* objects of up to 32² pixels */
  double ap_medium;     /* 32² … 96² */
  double ap_large;
  double ar1;           /* recall, mean over the overlaps, with max_detections[0] detections an
                           image and class, */
  double ar10;          /* with max_detections[1], */
  double ar100;         /* with max_detections[2] */
  double ar_small;
  double ar_medium;
  double ar_large;
  uint64_t images;
  uint64_t objects;     /* without crowds */
  uint64_t crowds;
  uint64_t detections;  /* used; of an image and class the best max_detections[2] count */
  uint64_t left_out_truths;     /* images, categories and annotations left out */
  uint64_t left_out_detections;
  int32_t max_detections[3];    /* as used */
  uint64_t uncounted;           /* detections beyond max_detections[2] of an image and class */
  const char *matched_by;       /* see "Classes of two files": "names", "ids" or "numbers" */
  uint64_t unknown_classes;     /* of the ground truth with objects, that the detections' categories
                                   or the detector lack: */
  uint64_t unknown_objects;     /* their objects, without crowds, are left out */
  uint64_t absent_classes;      /* of detections or detector, that the ground truth lacks: */
  uint64_t absent_detections;   /* their detections are left out */
  const char *unknown_names;    /* of both, a JSON list of texts; valid for ever */
  const char *absent_names;
} scrl_coco_metrics;

/**
 * COCO's detection metrics, as pycocotools computes them: average precision and recall over ten
 * overlaps, by size, with 1, 10 and 100 detections an image and class, or options->max_detections
 * (pycocotools' params.maxDets; ap is with the largest, where pycocotools' summary prints −1 unless
 * it is 100); crowd regions neither for nor against. Equal scores keep their order; ties between
 * images go by image id.
 *
 * Category ids of a plain results list are the ground truth's, as COCO defines it. Detections with
 * categories of their own (options->categories, or an object with "annotations" and "categories")
 * go by name. Then objects of classes that those categories lack, and detections of classes that
 * the ground truth lacks, are left out of the figures and counted.
 *
 * Cannot be used: an entry that is not well formed or repeats an id; an annotation or detection of
 * an image or category that the ground truth lacks, with numbers that are not finite (Python's NaN
 * and Infinity are read), without what the kind needs, or with a mask that is none or of another
 * size than its image. As in pycocotools the first detection decides: with a bbox areas are those
 * of the boxes, also for SCRL_COCO_SEGM, and a box stands in for a missing segmentation; without
 * one, areas and boxes are the masks'.
 *
 * The details are one JSON object: the figures as AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100,
 * ARs, ARm, ARl; kind, images, objects, crowds, detections; max_detections, uncounted; matched_by,
 * unknown_classes and absent_classes as lists of names, unknown_objects, absent_detections;
 * thresholds (10), recalls (101); left_out: a list of {list, entry, reason}; notes: texts;
 * categories: a list by id of {id, name, objects, crowds, detections, the figures, and with curves
 * precision: 10 lists of 101}.
 *
 * @param ground_truth        COCO annotations: an object with images, categories, annotations.
 * @param ground_truth_bytes  of that text; no NUL is needed.
 * @param detections          a COCO results list: objects with image_id, category_id, score, and
 *                            bbox (x, y, width, height) or segmentation. It may be empty. Or an
 *                            object with that list as annotations, and categories.
 * @param kind                SCRL_COCO_BBOX or SCRL_COCO_SEGM.
 * @param options             may be NULL.
 * @param metrics             may be NULL.
 * @return SCRL_OK; SCRL_E_FORMAT for text that is no JSON (with line and column) or no COCO file;
 *         SCRL_E_DATA naming the entry that cannot be used; SCRL_E_ARGUMENT. Any thread. Since 0.1.
 */
scrl_status scrl_coco_evaluate(const char *ground_truth, size_t ground_truth_bytes,
                               const char *detections, size_t detection_bytes, int32_t kind,
                               const scrl_coco_metrics_options *options,
                               scrl_coco_metrics *metrics);

/* ----------------------------------------------------------------- detector */

/**
 * Object detection and instance segmentation on our backbones: Faster R-CNN and Mask R-CNN with a
 * feature pyramid (Ren et al. 2015, Lin et al. 2017, He et al. 2017), with Detectron2's definitions.
 * The options are the config's detect.* keys, with model.*, seed, threads, compute.*, loader.* and
 * checkpoint.*; the presets "detect-small" (pictures of some 160 pixels, few cores) and "detect-1x"
 * (Detectron2's mask_rcnn_R_50_FPN_1x) are where to start.
 *
 * Weights are named encoder.* (torchvision's ResNet), fpn.*, rpn.*, box_head.*, box_predictor.*,
 * mask_head.*.
 */
typedef struct scrl_detector scrl_detector;

/** What one training step of a detector did. Losses are those of this step's images. Since 0.1. */
typedef struct scrl_detector_report {
  uint32_t struct_size;
  int32_t did_step;      /* 0: no image could be used, nothing changed but the step's number */
  uint64_t step;         /* steps done, this one included */
  uint64_t total_steps;  /* steps of the whole schedule */
  uint64_t epoch;        /* of this step's first sample, from 0 */
  double loss;           /* the sum of the five below */
  double rpn_objectness; /* proposals: object or not */
  double rpn_box;        /* proposals: where */
  double classification; /* regions: which class */
  double box;            /* regions: where */
  double mask;           /* regions: which pixels; 0 with detect.kind=faster */
  double learning_rate;  /* as used in this step */
  double gradient_norm;  /* over all weights that are trained, before detect.clip */
  uint64_t boxes;        /* annotated boxes in this step's images */
  uint64_t skipped;      /* images of this step that were unreadable, or kept no box when resized */
  double seconds;        /* duration of the step, waiting for data included */
  double wait_seconds;   /* of it, waiting for data */
} scrl_detector_report;

/**
 * A detector to train on a dataset with boxes. Learnt from are boxes with a class that are neither
 * crowds nor marked difficult. Images without any box are left out, unless detect.empty is true:
 * then they are background. Images whose boxes are all crowds, difficult or without a class are
 * always left out. The log tells how many, and scrl_detector_count_images().
 * @param weights     a checkpoint to start from: one of pretraining (its online backbone is taken;
 *                    model.arch and model.stem must be its own), or a detector's (all weights that
 *                    have the same shapes, its predictors class by class, by name: those of classes
 *                    that it lacks are fresh, and told). NULL: fresh weights drawn from the seed.
 * @param run_folder  as of scrl_trainer_new(): made when missing, refused where it holds a
 *                    checkpoint (use scrl_detector_resume()) or another run works. NULL: nowhere.
 * @return SCRL_OK, SCRL_E_CONFIG, SCRL_E_IO, SCRL_E_FORMAT; SCRL_E_STATE for a folder that holds a
 *         run, or that another one works in; SCRL_E_DATA for a dataset without boxes to learn
 *         from, with labels from 100000 or beyond detect.classes, or without any mask for
 *         detect.kind=mask; SCRL_E_UNSUPPORTED; SCRL_E_MEMORY. Since 0.1.
 */
scrl_status scrl_detector_new(const scrl_config *config, const scrl_dataset *dataset,
                              const char *weights, const char *run_folder,
                              scrl_detector **detector);

/**
 * Goes on where a training stopped; every later byte is as if it had not.
 * @param path     a run folder (its newest whole checkpoint is taken) or a checkpoint file.
 * @param dataset  may be NULL: the file named in the checkpoint is opened.
 * @return SCRL_OK, SCRL_E_IO, SCRL_E_FORMAT, SCRL_E_DATA when images or boxes are other ones, or a
 *         class has another name, SCRL_E_STATE for a folder that another run works in. Since 0.1.
 */
scrl_status scrl_detector_resume(const char *path, const scrl_dataset *dataset,
                                 scrl_detector **detector);

/**
 * As scrl_detector_resume(), with another length, rate, number of threads, …; `changes` as of
 * scrl_trainer_resume_with().
 * @return also SCRL_E_CONFIG, naming a key that cannot change, and why. Since 0.1.
 */
scrl_status scrl_detector_resume_with(const char *path, const scrl_dataset *dataset,
                                      const char *const *changes, scrl_detector **detector);

/**
 * The detector of a checkpoint, for inference: a file, or a run folder whose newest whole one is
 * taken. It cannot be trained.
 * @return SCRL_OK, SCRL_E_IO, SCRL_E_FORMAT. Since 0.1.
 */
scrl_status scrl_detector_load(const char *path, scrl_detector **detector);

/**
 * Runs one optimisation step on the dataset's next batch.
 * @param report  may be NULL.
 * @return SCRL_OK, SCRL_E_DIVERGED (the weights are those of before the step), SCRL_E_STATE for a
 *         detector that was loaded, or after the last step. Since 0.1.
 */
scrl_status scrl_detector_step(scrl_detector *detector, scrl_detector_report *report);

/** Hears of every step of scrl_detector_run(). Non-zero stops it after this step. */
typedef int32_t (*scrl_detector_fn)(const scrl_detector_report *report, void *user);

/**
 * Trains, writes metrics and checkpoints into the run folder, and saves at the end or when stopped;
 * checkpoints on the way as in scrl_trainer_run().
 * @param steps     at most so many steps now; 0: to the end of the schedule.
 * @param callback  may be NULL; called on the calling thread.
 * @return SCRL_OK at the end, SCRL_E_CANCELLED when stopped (all is saved), SCRL_E_DIVERGED (the
 *         last good checkpoint is kept), SCRL_E_IO, SCRL_E_STATE for a detector that was loaded.
 *         Since 0.1.
 */
scrl_status scrl_detector_run(scrl_detector *detector, uint64_t steps, scrl_detector_fn callback,
                              void *user);

/** As scrl_trainer_cancel(), for scrl_detector_run(); async-signal-safe as that. Since 0.1. */
scrl_status scrl_detector_cancel(scrl_detector *detector);

/**
 * Saves a checkpoint at `path`, whole or not at all; of a training detector one that
 * scrl_detector_resume() can go on from. Since 0.1.
 */
scrl_status scrl_detector_save(scrl_detector *detector, const char *path);

/** Steps done and steps of the whole schedule, 0 and 0 of a loaded detector; either may be NULL.
    Since 0.1. */
scrl_status scrl_detector_progress(scrl_detector *detector, uint64_t *step, uint64_t *total);

/** A copy of the detector's config, detect.classes settled; the caller frees it. Since 0.1. */
scrl_status scrl_detector_config(scrl_detector *detector, scrl_config **config);

/** The number of classes. Since 0.1. */
scrl_status scrl_detector_class_count(scrl_detector *detector, size_t *count);

/**
 * The name of class `id` and its COCO category id.
 * @param name         may be NULL; "" where the dataset had none. Text valid for ever.
 * @param category_id  may be NULL; where the dataset had none, the first free one from 1.
 * Since 0.1.
 */
scrl_status scrl_detector_class_at(scrl_detector *detector, size_t id, const char **name,
                                   int64_t *category_id);

/** What was seen in one picture. */
typedef struct scrl_detections scrl_detections;

/** One thing that was seen. Since 0.1. */
typedef struct scrl_detection {
  uint32_t struct_size;
  int32_t label;    /* class, from 0 */
  float score;      /* 0 … 1 */
  float box[4];     /* x0, y0, x1, y1 in pixels of the picture */
  const char *mask; /* COCO compressed RLE text of the picture's size, valid until the detections
                       are freed; NULL with detect.kind=faster */
} scrl_detection;

/**
 * Looks at a picture. It is scaled to detect.test_size; boxes and masks are in its own pixels.
 * Classes score more than detect.score_threshold; the highest score comes first.
 * @param pixels      height rows of width × 3 bytes (R, G, B).
 * @param row_stride  bytes from row to row; 0: width × 3.
 * @param detections  the caller frees them.
 * @return SCRL_OK, SCRL_E_ARGUMENT, SCRL_E_DIVERGED for weights that are not finite, SCRL_E_MEMORY.
 * Since 0.1.
 */
scrl_status scrl_detector_predict(scrl_detector *detector, const uint8_t *pixels, size_t height,
                                  size_t width, size_t row_stride, scrl_detections **detections);

/** The number of detections. Since 0.1. */
scrl_status scrl_detections_count(const scrl_detections *detections, size_t *count);

/** Detection `index`, 0 the one with the highest score. Since 0.1. */
scrl_status scrl_detections_at(const scrl_detections *detections, size_t index,
                               scrl_detection *detection);

/** Frees detections. Since 0.1. */
void scrl_detections_free(scrl_detections *detections);

/** Hears how far a measurement is: images done, images in all. Non-zero stops it. */
typedef int32_t (*scrl_measure_fn)(size_t done, size_t total, void *user);

/** How scrl_detector_measure() goes. Zeroes are good defaults. Since 0.1. */
typedef struct scrl_measure_options {
  uint32_t struct_size;
  int32_t max_detections[3]; /* as in scrl_coco_metrics_options; zeroes: 1, 10, 100 */
  const char *results;       /* path of a COCO results file to write, whole or not at all; NULL:
                                none. Its ids are those of scrl_dataset_write_coco() for the dataset
                                measured on, of images and of categories */
  scrl_measure_fn progress;  /* may be NULL; called on the calling thread */
  void *user;                /* handed to it */
} scrl_measure_options;

/**
 * Looks at every image of a dataset and compares what it finds with the dataset's boxes: COCO's
 * metrics, as scrl_coco_evaluate() computes them; areas are those of the boxes for `boxes`, of the
 * masks for `masks`. Boxes without a class are no objects; difficult ones are. Classes go by name
 * ("Classes of two files"): objects of classes that the detector lacks, and detections of classes
 * that the dataset lacks, are left out of figures and results, told and counted. Images that cannot
 * be read are left out with all their objects: the log tells which, left_out_truths how many.
 * @param options  may be NULL.
 * @param boxes    may be NULL.
 * @param masks    NULL: masks are not measured. Else every object of the dataset needs one.
 * @return SCRL_OK, SCRL_E_DATA for a dataset without objects or without a class of the detector, or
 *         where a mask is missing; SCRL_E_STATE for masks of a detector with detect.kind=faster,
 *         or where options->results is a file of another kind; SCRL_E_ARGUMENT, SCRL_E_CANCELLED,
 *         SCRL_E_IO, SCRL_E_DIVERGED, SCRL_E_MEMORY. Since 0.1.
 */
scrl_status scrl_detector_measure(scrl_detector *detector, const scrl_dataset *dataset,
                                  const scrl_measure_options *options, scrl_coco_metrics *boxes,
                                  scrl_coco_metrics *masks);

/**
 * Which class of a dataset each class of the detector is, as scrl_detector_measure() matches them.
 * @param labels        receives count numbers, −1: the dataset has no such class; may be NULL.
 * @param category_ids  receives their COCO ids in scrl_dataset_write_coco(), −1; may be NULL.
 * @param capacity      classes that fit; 0: only the count is told.
 * @param count         may be NULL; the detector's classes.
 * @return SCRL_OK, SCRL_E_ARGUMENT, SCRL_E_DATA for files that share no class. Since 0.1.
 */
scrl_status scrl_detector_match_classes(scrl_detector *detector, const scrl_dataset *dataset,
                                        int32_t *labels, int64_t *category_ids, size_t capacity,
                                        size_t *count);

/** The images of the dataset that a detector is trained on. Since 0.1. */
typedef struct scrl_detector_images {
  uint32_t struct_size;
  uint64_t images;         /* that it learns from */
  uint64_t empty;          /* of them, without any box: background */
  uint64_t left_out_empty; /* without any box, left out: see detect.empty */
  uint64_t left_out_vague; /* left out: boxes that are all crowds, difficult, or without a class */
  uint64_t boxes;          /* that it learns from */
  uint64_t masks;          /* that these have */
} scrl_detector_images;

/** Counts the images that a detector is trained on; all 0 of a loaded detector. Since 0.1. */
scrl_status scrl_detector_count_images(scrl_detector *detector, scrl_detector_images *images);

/** The detector's weights and running statistics. The caller frees the view. Since 0.1. */
scrl_status scrl_detector_state(scrl_detector *detector, scrl_state **state);

/** Frees a detector; its threads have ended when this returns. Saves nothing. Since 0.1. */
void scrl_detector_free(scrl_detector *detector);

/* -------------------------------------------------------------------- bench */

/**
 * Floating-point operations of the convolutions of a config's network, counted directly: 2 for a
 * product with its addition, whatever algorithm does them. Nothing is computed.
 * @param image  may be NULL; one image of views.size² through the backbone, to the stage that
 *               training shapes.
 * @param step   may be NULL; one training step of train.batch images: both views through online
 *               and target network, and back through the online one (supervised: no target).
 * @return SCRL_OK, SCRL_E_CONFIG, SCRL_E_ARGUMENT. Any thread. Since 0.1.
 */
scrl_status scrl_bench_flops(const scrl_config *config, double *image, double *step);

/**
 * Measures this machine's peak: the fastest of five products of two 2048×2048 matrices by each
 * backend that can compute in this process, on the config's threads.
 * @param flops_per_second  floating-point operations a second.
 * @return SCRL_OK, SCRL_E_CONFIG, SCRL_E_UNSUPPORTED, SCRL_E_MEMORY. Any thread. Since 0.1.
 */
scrl_status scrl_bench_gemm(const scrl_config *config, double *flops_per_second);

/** One kernel on one shape, as scrl_bench_kernels() measured it. Since 0.1. */
typedef struct scrl_kernel_report {
  uint32_t struct_size;
  const char *kernel; /* "convolution_backward_data", "max_pool", …; valid during the callback */
  const char *shape;  /* of its input, such as "32x64x56x56"; valid during the callback */
  uint64_t uses;      /* how often one training step of the config runs it */
  double seconds;     /* one run, the fastest of the repeats */
  double flops;       /* floating-point operations of one run; 0 for a kernel that moves bytes */
  double bytes;       /* each input read and each output written once; 0 for one with flops */
  double share;       /* of the speed of "gemm" (flops) or "copy" (bytes), the best so far */
  int32_t checked;    /* 1: compared before it was timed; 0: there is no second backend here */
} scrl_kernel_report;

/** Hears of every kernel as it is measured, on the calling thread. Non-zero stops the bench. */
typedef int32_t (*scrl_kernel_fn)(const scrl_kernel_report *report, void *user);

/**
 * Times the kernels of one training step of a config, each shape by itself, on 2 × train.batch
 * views of views.size². The yardsticks "gemm" and "copy" come first, then each pass of each
 * convolution, then the kernels that move bytes. Before it is timed, a convolution is compared
 * with the other backend's on the same extents, and the elementwise kernels with the same
 * kernels on another memory order. Operands are larger than the caches.
 * @param repeats   timed runs of a kernel, 1 … 1000; 0: 5.
 * @param callback  must not be NULL.
 * @return SCRL_OK, SCRL_E_CANCELLED when the callback stops it, SCRL_E_INTERNAL for a kernel that
 *         differs by more than rounding, SCRL_E_CONFIG, SCRL_E_UNSUPPORTED, SCRL_E_MEMORY. Any
 *         thread, but others at work disturb the times. Since 0.1.
 */
scrl_status scrl_bench_kernels(const scrl_config *config, int32_t repeats,
                               scrl_kernel_fn callback, void *user);

#ifdef __cplusplus
}
#endif

#endif
