# Writes OUT: for every kernel of the FILES a function ocl_run_NAME of the host, whose parameters are the kernel's own with
# their types. A call with an argument too many, too few or of another type does not compile.
#   cmake -DCOMPILER=cc "-DFILES=a.cl;b.cl" "-DBEFORE=common.cl" -DOUT=kernels.h -P kernel_stubs.cmake
# The compiler expands the macros of the signatures; BEFORE lists the files that precede every kernel file.
#
#   parameter of the kernel                   parameter of ocl_run_NAME
#   __global [const] T *x, const uint x_0     cream_buf x
#   const int x (uint, ulong, float)          int x (unsigned, uint64_t, float)
#   const float4 x                            const float x[4]
#   __local float *x                          ocl_local x
cmake_minimum_required(VERSION 3.20)

set(prefix)
foreach(file IN LISTS BEFORE)
  list(APPEND prefix -include ${file})
endforeach()

set(int_type int)
set(int_argument ocl_arg_int)
set(uint_type unsigned)
set(uint_argument ocl_arg_unsigned)
set(ulong_type uint64_t)
set(ulong_argument ocl_arg_long)
set(float_type float)
set(float_argument ocl_arg_float)

# Appends `item`, one parameter of the kernel `name`, to `parameters` and `arguments`; sets `offset_of` to the name of a
# buffer whose offset has to follow.
macro(add_parameter)
  if(offset_of AND NOT item STREQUAL "const uint ${offset_of}_0")
    message(FATAL_ERROR "${name}: the buffer ${offset_of} is not followed by its offset ${offset_of}_0")
  elseif(offset_of)
    set(offset_of)
  elseif(item MATCHES "^__global (const )?[a-z]+ \\*([a-z_0-9A-Z]+)$")
    set(offset_of ${CMAKE_MATCH_2})
    string(APPEND parameters ", cream_buf ${offset_of}")
    string(APPEND arguments ", ocl_arg_buf(${offset_of})")
  elseif(item MATCHES "^const (int|uint|ulong|float) ([a-z_0-9A-Z]+)$")
    string(APPEND parameters ", ${${CMAKE_MATCH_1}_type} ${CMAKE_MATCH_2}")
    string(APPEND arguments ", ${${CMAKE_MATCH_1}_argument}(${CMAKE_MATCH_2})")
  elseif(item MATCHES "^const float4 ([a-z_0-9A-Z]+)$")
    string(APPEND parameters ", const float ${CMAKE_MATCH_1}[4]")
    string(APPEND arguments ", ocl_arg_float4(${CMAKE_MATCH_1})")
  elseif(item MATCHES "^__local float \\*([a-z_0-9A-Z]+)$")
    string(APPEND parameters ", ocl_local ${CMAKE_MATCH_1}")
    string(APPEND arguments ", ocl_arg_local(${CMAKE_MATCH_1})")
  else()
    message(FATAL_ERROR "${name}: the parameter \"${item}\" has no counterpart on the host (opencl/kernel_stubs.cmake)")
  endif()
endmacro()

# Appends the function of the kernel `name`, whose parameters are `signature`, to `functions`.
macro(add_kernel)
  set(parameters)
  set(arguments)
  set(offset_of)
  string(REPLACE "," ";" items "${signature}")
  foreach(item IN LISTS items)
    string(REGEX REPLACE "[ \t\r\n]+" " " item "${item}")
    string(STRIP "${item}" item)
    add_parameter()
  endforeach()
  if(offset_of)
    message(FATAL_ERROR "${name}: the buffer ${offset_of} is not followed by its offset ${offset_of}_0")
  endif()
  string(SUBSTRING "${arguments}" 2 -1 arguments)
  string(APPEND functions
    "static inline void ocl_run_${name}(ocl_runtime *ocl, ocl_size groups, ocl_size local${parameters}) {\n"
    "  const ocl_arg args[] = {${arguments}};\n"
    "  ocl_run_args(ocl, \"${name}\", groups, local, args, (int)(sizeof args / sizeof *args));\n}\n")
endmacro()

set(functions)
set(names)
foreach(file IN LISTS FILES)
  execute_process(COMMAND ${COMPILER} -E -P -x c -D__OPENCL_VERSION__=120 ${prefix} ${file} OUTPUT_VARIABLE text RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${file} cannot be preprocessed by ${COMPILER}")
  endif()
  string(REGEX MATCHALL "__kernel[^{;]*{" kernels "${text}")
  foreach(kernel IN LISTS kernels)
    if(NOT kernel MATCHES "void[ \r\n]+([a-z_0-9A-Z]+)\\(([^()]*)\\)[ \r\n]*{$")
      message(FATAL_ERROR "${file}: no kernel's signature: ${kernel}")
    endif()
    set(name ${CMAKE_MATCH_1})
    set(signature "${CMAKE_MATCH_2}")
    if(name IN_LIST names)
      message(FATAL_ERROR "${file}: two kernels are called ${name}")
    endif()
    list(APPEND names ${name})
    add_kernel()
  endforeach()
endforeach()
list(JOIN names ") X(" list)
file(WRITE "${OUT}" "/* Made by opencl/kernel_stubs.cmake from opencl/kernels. */\n"
  "#define OCL_KERNELS(X) X(${list})\n\n${functions}")
