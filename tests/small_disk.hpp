#pragma once
// A small file system, mounted on a directory. To mount one takes rights: where those are missing,
// the test says that it is skipped.

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include <doctest/doctest.h>

class small_disk {
 public:
  // With the owner and the mode that the directory has.
  small_disk(std::string path, int megabytes) : path_(std::move(path)) {
    struct ::stat was {};
    REQUIRE(::stat(path_.c_str(), &was) == 0);
    char how[100];
    std::snprintf(how, sizeof how, "size=%dm,uid=%u,gid=%u,mode=%o", megabytes, was.st_uid,
                  was.st_gid, was.st_mode & 0777);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, how) == 0;
    if (!mounted_) MESSAGE("SKIPPED: no file system can be mounted here: " << std::strerror(errno));
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }

  explicit operator bool() const { return mounted_; }
  const std::string& path() const { return path_; }
  void forbid_writing() const {
    REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  }

 private:
  const std::string path_;
  bool mounted_ = false;
};
