# Installs the documentation and the files that it names, in the folders of the source, so that links and paths such as
# docs/data.md lead somewhere from the documentation's folder. Links to files of the source become plain text.
# Set before: source, staging, destination.
cmake_policy(VERSION 3.20)

# Brackets and semicolons divide lists in CMake.

function(unlink_source page)
  file(READ ${staging}/${page} text)
  string(REPLACE ";" "<semicolon@>" text "${text}")
  string(REPLACE "](" "<link@>(" text "${text}")
  string(REPLACE "[" "<open@>" text "${text}")
  string(REPLACE "]" "<close@>" text "${text}")
  get_filename_component(folder ${page} DIRECTORY)
  string(REGEX MATCHALL "<link@>\\([^()@]+\\)" links "${text}")
  list(REMOVE_DUPLICATES links)
  foreach(link IN LISTS links)
    string(REGEX REPLACE "^<link@>\\(([^#]*).*\\)$" "\\1" target "${link}")
    string(REGEX REPLACE "\\)$" "" target "${target}")
    if(target AND EXISTS ${source}/${folder}/${target} AND NOT EXISTS ${staging}/${folder}/${target})
      string(REGEX REPLACE "([][+.*()^$?|\\\\])" "\\\\\\1" pattern "${link}")
      string(REGEX REPLACE "<open@>([^@]*)${pattern}" "\\1" text "${text}")
    endif()
  endforeach()
  string(REPLACE "<close@>" "]" text "${text}")
  string(REPLACE "<open@>" "[" text "${text}")
  string(REPLACE "<link@>(" "](" text "${text}")
  string(REPLACE "<semicolon@>" ";" text "${text}")
  file(WRITE ${staging}/${page} "${text}")
endfunction()

file(LOCK ${staging}.lock GUARD PROCESS) # of several installations at once
file(REMOVE_RECURSE ${staging})
foreach(file README.md CHANGELOG.md CONTRIBUTING.md LICENSE io/dataset/data/README.md tools/demo.yaml
             tests/tools/letters.py)
  get_filename_component(folder ${file} DIRECTORY)
  file(COPY ${source}/${file} DESTINATION ${staging}/${folder})
endforeach()
file(COPY ${source}/docs DESTINATION ${staging})
file(COPY ${source}/tools/python DESTINATION ${staging}/tools PATTERN __pycache__ EXCLUDE)
file(GLOB_RECURSE pages RELATIVE ${staging} ${staging}/*.md)
foreach(page IN LISTS pages)
  unlink_source(${page})
endforeach()

if(NOT IS_ABSOLUTE ${destination})
  set(destination ${CMAKE_INSTALL_PREFIX}/${destination})
endif()
file(INSTALL ${staging}/ DESTINATION ${destination})
file(LOCK ${staging}.lock RELEASE)
