# What the library is built on. Installed packages find these again through aft-config.cmake.

find_package(Threads REQUIRED)
# An engine that encrypts (SQLCipher, SQLite3MultipleCiphers), as a target that the project has made
# before; see storage_options::key. One by path: -DSQLite3_LIBRARY=... -DSQLite3_INCLUDE_DIR=...
set(AFT_SQLITE_TARGET SQLite::SQLite3 CACHE STRING "The target of SQLite, or of a library like it")
if(AFT_SQLITE_TARGET STREQUAL "SQLite::SQLite3")
  find_package(SQLite3 3.37 REQUIRED)
elseif(NOT TARGET ${AFT_SQLITE_TARGET})
  message(FATAL_ERROR "AFT_SQLITE_TARGET names ${AFT_SQLITE_TARGET}, which is no target here")
endif()
find_package(PostgreSQL 14 REQUIRED)  # its client library
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(date 3.0 REQUIRED)  # time zones
find_package(CURL 7.85 REQUIRED)  # calls to other servers, and mail

find_package(Boost 1.81 QUIET)
if(NOT Boost_FOUND)
  message(FATAL_ERROR
    "aft needs the headers of Boost 1.81 or later. On Debian 12: apt-get install libboost1.81-dev "
    "(its libboost-dev is 1.74, which does not compile as C++20). cmake/setup installs all there is.")
endif()

find_path(TOML_INCLUDE toml++/toml.h)
if(NOT TOML_INCLUDE)
  message(FATAL_ERROR "aft needs the headers of toml++ 3. On Debian: apt-get install libtomlplusplus-dev.")
endif()

find_library(SODIUM_LIBRARY sodium)
find_path(SODIUM_INCLUDE sodium.h)
if(NOT SODIUM_LIBRARY OR NOT SODIUM_INCLUDE)
  message(FATAL_ERROR "aft needs libsodium. On Debian: apt-get install libsodium-dev.")
endif()
if(NOT TARGET aft_sodium)
  add_library(aft_sodium INTERFACE IMPORTED)
  set_target_properties(aft_sodium PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${SODIUM_INCLUDE}"
                                              INTERFACE_LINK_LIBRARIES "${SODIUM_LIBRARY}")
endif()

find_library(CRYPT_LIBRARY crypt)
find_path(CRYPT_INCLUDE crypt.h)
if(NOT CRYPT_LIBRARY OR NOT CRYPT_INCLUDE)
  message(FATAL_ERROR "aft needs libxcrypt. On Debian: apt-get install libcrypt-dev.")
endif()
if(NOT TARGET aft_crypt)
  add_library(aft_crypt INTERFACE IMPORTED)
  set_target_properties(aft_crypt PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${CRYPT_INCLUDE}"
                                             INTERFACE_LINK_LIBRARIES "${CRYPT_LIBRARY}")
endif()

find_library(BROTLI_ENCODER_LIBRARY brotlienc)
find_library(BROTLI_DECODER_LIBRARY brotlidec)
find_path(BROTLI_INCLUDE brotli/encode.h)
find_library(ZSTD_LIBRARY zstd)
find_path(ZSTD_INCLUDE zstd.h)
if(NOT BROTLI_ENCODER_LIBRARY OR NOT BROTLI_DECODER_LIBRARY OR NOT BROTLI_INCLUDE)
  message(FATAL_ERROR "aft needs brotli. On Debian: apt-get install libbrotli-dev.")
endif()
if(NOT ZSTD_LIBRARY OR NOT ZSTD_INCLUDE)
  message(FATAL_ERROR "aft needs zstd. On Debian: apt-get install libzstd-dev.")
endif()
if(NOT TARGET aft_brotli)
  add_library(aft_brotli INTERFACE IMPORTED)
  set_target_properties(aft_brotli PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${BROTLI_INCLUDE}"
    INTERFACE_LINK_LIBRARIES "${BROTLI_ENCODER_LIBRARY};${BROTLI_DECODER_LIBRARY}")
endif()
if(NOT TARGET aft_zstd)
  add_library(aft_zstd INTERFACE IMPORTED)
  set_target_properties(aft_zstd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${ZSTD_INCLUDE}"
                                            INTERFACE_LINK_LIBRARIES "${ZSTD_LIBRARY}")
endif()
