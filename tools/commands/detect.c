/* cream detect: the command line. */
#include "detect.h"

#include "commands.h"
#include "cpu/cpu.h"
#include "io/detect/box_write.h"

static cream_status run_check(const void *values, cream_error *err) {
  return detect_check(values, err);
}

static cream_status run_convert(const void *values, cream_error *err) {
  return detect_convert(values, err);
}

static cream_status run_sheet(const void *values, cream_error *err) {
  return detect_sheet(values, err);
}

static cream_status run_eval(const void *values, cream_error *err) {
  return detect_eval(values, err);
}

enum { CHECK, CONVERT, SHEET, EVAL };
enum { OF_CHECK = 1 << CHECK, OF_CONVERT = 1 << CONVERT, OF_SHEET = 1 << SHEET, OF_EVAL = 1 << EVAL };

static const cli_subcommand subcommands[] = {
    [CHECK] = {"data check",
               "read every image: what is wrong with images and boxes, and how many of each class",
               run_check},
    [CONVERT] = {"data convert", "write a data set in another format", run_convert},
    [SHEET] = {"data sheet", "draw a sheet of images with their boxes, as PNG or JPEG", run_sheet},
    [EVAL] = {"eval", "measure detections: COCO's twelve numbers, VOC's AP50, and each class", run_eval},
};

static const char *const part_words[] = {[CREAM_PART_TRAIN] = "train", [CREAM_PART_TEST] = "test", NULL};
_Static_assert(sizeof part_words / sizeof *part_words == CREAM_PARTS + 1, "a word for each part");

static void defaults(void *values) {
  detect_options *options = values;
  options->to = CREAM_BOX_FORMAT_coco;
  options->side = 320;
  options->count = 12;
}

static cream_status check(void *values, cream_error *err) {
  detect_options *options = values;
  const int subcommand = options->line.subcommand;
  if (!options->data)
    return cream_fail(err, CREAM_BAD_CONFIG, "no data set: expected --data SPEC, for example voc:FOLDER");
  if (!options->out && (subcommand == CONVERT || subcommand == SHEET))
    return cream_fail(err, CREAM_BAD_CONFIG, "no place to write: expected --out %s",
                      subcommand == CONVERT ? "FOLDER" : "FILE.png");
  if (!options->results && subcommand == EVAL)
    return cream_fail(err, CREAM_BAD_CONFIG, "no detections: expected --results FILE, COCO's result JSON");
  if (!options->threads) options->threads = cream_cpu_threads();
  if (options->threads > 256) options->threads = 256;
  return CREAM_OK;
}

static const cli_option options[] = {
    CLI_VALUE(detect_options, data, NETWORK, "data", "SPEC", "data set, for example voc:FOLDER"),
    CLI_VALUE(detect_options, results, NETWORK, "results", "FILE", "detections, as COCO's result JSON",
              .only = OF_EVAL),
    CLI_CHOICE(detect_options, to, METHOD, "to", "FORMAT", "format to write", cream_box_format_words,
               .only = OF_CONVERT),
    CLI_VALUE(detect_options, copy, METHOD, "copy", NULL, "copy the images instead of linking to them",
              .only = OF_CONVERT),
    CLI_CHOICE(detect_options, part, METHOD, "part", "PART", "part of the data set", part_words,
               .only = OF_SHEET),
    CLI_VALUE(detect_options, side, METHOD, "side", "N", "side of an image in pixels", CLI_FROM_TO(8, 4096),
              .only = OF_SHEET),
    CLI_VALUE(detect_options, count, METHOD, "count", "N", "images of the sheet", CLI_FROM_TO(1, 1000),
              .only = OF_SHEET),
    CLI_VALUE(detect_options, augment, METHOD, "augment", NULL,
              "images as training has them: cut, scaled, flipped", .only = OF_SHEET),
    CLI_VALUE(detect_options, seed, METHOD, "seed", "N", "seed of all random draws", CLI_AT_LEAST(0),
              .only = OF_SHEET),
    CLI_VALUE(detect_options, threads, DEVICE, "threads", "N", "threads; 0: all", CLI_AT_LEAST(0),
              .only = OF_CHECK | OF_SHEET),
    CLI_VALUE(detect_options, out, OUTPUT, "out", "PATH", "folder or file to write",
              .only = OF_CONVERT | OF_SHEET),
    CLI_VALUE(detect_options, json, OUTPUT, "json", NULL, "print results on stdout as one JSON document",
              .only = OF_CHECK | OF_EVAL),
};

COMMAND(detect, "data sets of images with boxes, and measuring detections", CLI_OPTIONS(options),
        CLI_SUBCOMMANDS(subcommands), CLI_VALUES(detect_options, line), .defaults = defaults, .check = check,
        .text = "Data sets, for --data:\n" CREAM_BOX_FORMATS(
            CREAM_BOX_HELP) "\ndata check ends with exit code 3 where an image cannot be used.\n");
