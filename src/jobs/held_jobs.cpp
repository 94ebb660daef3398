#include "held_jobs.hpp"

#include "held_job.hpp"

namespace aft::jobs {

void held_jobs::add(held_job& job) {
  job.place = all_.size();
  all_.push_back(&job);
}

void held_jobs::remove(held_job& job) {
  auto& place = all_[job.place];
  place = all_.back();
  place->place = job.place;
  all_.pop_back();
}

}  // namespace aft::jobs
