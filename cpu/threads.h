/* The default number of threads of a process (cream_cpu_threads in cpu.h), where several share a host. */
#ifndef CREAM_CPU_THREADS_H
#define CREAM_CPU_THREADS_H

/* From now on the default is at most `threads`; 0: without this limit. */
void cream_cpu_limit_threads(int threads);

#endif
