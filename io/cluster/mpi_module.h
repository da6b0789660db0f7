/* The modules that have MPI: cream-mpi-openmpi.so and cream-mpi-mpich.so. They are loaded at run time, so that a program
 * needs no MPI to start. A module is looked for at $CREAM_MPI_MODULE, or beside the program, in the build folder and
 * in the library folder of the installation. */
#ifndef CREAM_IO_CLUSTER_MPI_MODULE_H
#define CREAM_IO_CLUSTER_MPI_MODULE_H

#include "launch.h"
#include "transport.h"

/* Whether there is a module. */
bool cream_mpi_present(cream_mpi);
/* Loads it. */
cream_status cream_mpi_load(cream_mpi, cream_transport *, cream_error *);

#endif
