/* Writes a data set for detection in any format. */
#ifndef CREAM_IO_BOX_WRITE_H
#define CREAM_IO_BOX_WRITE_H

#include "box_formats.h"
#include "io/base/json.h"

/* Writes a set into a folder that must not exist or be empty; it appears when it is complete. Images are linked by
 * symbolic links to their absolute paths, or copied with `copy`. `spec` becomes the text that opens the set again. What a
 * format does not have is lost: crowds are left out of YOLO's, and only COCO's has areas. CREAM_BAD_CONFIG: the folder has
 * content. */
cream_status cream_box_set_write(const cream_box_set *, cream_box_format, const char *folder, bool copy,
                                 char *spec, size_t size, cream_error *);

/* The words of the formats, ending in NULL; cream_box_format is their index. */
extern const char *const cream_box_format_words[];

/* The number with the fewest digits that is the float `value` after `offset` was added to it. */
double cream_shortest(float value, double offset);

/* The key bbox of COCO's files: x, y, width and height. */
void cream_json_bbox(cream_json *, const cream_box *);

#endif
