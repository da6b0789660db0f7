#ifndef CREAM_IO_FOLDER_H
#define CREAM_IO_FOLDER_H

#include "data.h"

/* `folder:PATH[,val=SHARE][,seed=N]`: pictures in a folder for each class. PATH has train/CLASS/... and
 * one of val/, validation/, valid/, test/ with classes of these; or it has CLASS/... itself, of which a
 * share is set aside for testing. As with torchvision's ImageFolder, classes are sorted by the bytes of
 * their names, pictures are the files with an image's extension at any depth below, and links are
 * followed. Names that begin with a dot are passed over. CREAM_BAD_DATA: no class, a class without
 * pictures, a class of the test part that training lacks, a folder that cannot be read, or a link to a
 * folder that leads nowhere or back. */
cream_status cream_folder_open(const char *place, cream_dataset **, cream_error *);

#endif
