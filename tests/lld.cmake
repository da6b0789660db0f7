# Links a program in half of the time. The products are linked by the compiler's own linker.
find_program(CREAM_LLD ld.lld)
if(CREAM_LLD)
  add_link_options(-fuse-ld=lld)
endif()
