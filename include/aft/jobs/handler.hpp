#pragma once
// Turns a callable into the handler of a job.
//
// It takes the job first, by value or const reference, and then in any order and number:
// aft::job_context&, aft::transaction&, aft::reader&, and states by reference. With a transaction&,
// what the job writes and its completion commit together: its effect on the database happens
// exactly once. Without, a job is done at least once: a crash between its end and the note of it
// runs it again.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/ground/resource.hpp>
#include <aft/jobs/job.hpp>
#include <aft/jobs/options.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

namespace jobs {

struct handler_info {
  std::string_view kind;
  const type_info& (*type)();
  bool takes_transaction;
  bool takes_reader;
  const resource_key* states;
  const std::string_view* state_names;
  std::uint32_t state_count;
  // Makes a job from its JSON; null, with errors, where that no longer fits.
  void* (*read)(std::string_view arguments, field_errors& errors);
  void (*destroy)(void* job);
  // What is not taken may be null; `states` in the order of the keys.
  void (*run)(const void* callable, const void* job, job_context&, transaction*, reader*,
              void* const* states);
};

class handler {
 public:
  handler(const handler_info& info, job_policy&& policy, void* callable, void (*destroy)(void*))
      : info_(&info), policy_(static_cast<job_policy&&>(policy)), callable_(callable),
        destroy_(destroy) {}
  handler(handler&& other) noexcept
      : info_(other.info_), policy_(static_cast<job_policy&&>(other.policy_)),
        callable_(other.callable_), destroy_(other.destroy_) {
    other.destroy_ = nullptr;
  }
  handler& operator=(handler&&) = delete;
  ~handler() {
    if (destroy_) destroy_(callable_);
  }
  const handler_info& info() const { return *info_; }
  const job_policy& policy() const { return policy_; }
  const void* callable() const { return callable_; }

 private:
  const handler_info* info_;
  job_policy policy_;
  void* callable_;
  void (*destroy_)(void*);
};

}  // namespace jobs

namespace detail {

template <class A>
inline constexpr bool is_job_state =
    std::is_lvalue_reference_v<A> && !std::is_same_v<A, job_context&> &&
    !std::is_same_v<A, transaction&> && !std::is_same_v<A, reader&>;

struct job_run {
  job_context& context;
  transaction* tx;
  reader* db;
  void* const* states;
};

template <class A, std::size_t StateIndex>
A job_argument(const job_run& run) {
  if constexpr (std::is_same_v<A, job_context&>) {
    return run.context;
  } else if constexpr (std::is_same_v<A, transaction&>) {
    return *run.tx;
  } else if constexpr (std::is_same_v<A, reader&>) {
    return *run.db;
  } else {
    static_assert(
        std::is_lvalue_reference_v<A>,
        "aft: after the job, a job's handler takes job_context&, transaction&, reader& and "
        "states, all by reference");
    return *static_cast<std::remove_reference_t<A>*>(run.states[StateIndex]);
  }
}

template <class Job, class F, class Indices, class... A>
struct job_binding;
template <class Job, class F, std::size_t... I, class... A>
struct job_binding<Job, F, std::index_sequence<I...>, A...> {
  static constexpr std::size_t states_before(std::size_t argument) {
    std::size_t count = 0, i = 0;
    ((count += i++ < argument && is_job_state<A>), ...);
    return count;
  }
  static constexpr std::size_t state_count = states_before(sizeof...(A));

  struct state_list {
    resource_key keys[state_count + 1]{};
    std::string_view names[state_count + 1]{};
  };
  static constexpr state_list find_states() {
    state_list list;
    ((is_job_state<A>
          ? void((list.keys[states_before(I)] = key_of<std::remove_reference_t<A>>(),
                  list.names[states_before(I)] = reflect::qualified_name<std::remove_cvref_t<A>>))
          : void()),
     ...);
    return list;
  }
  static constexpr state_list states = find_states();

  static void* read(std::string_view arguments, field_errors& errors) {
    auto* job = new Job{};
    if (json::read(arguments, job, type_of<Job>(), errors)) return job;
    delete job;
    return nullptr;
  }
  static void destroy(void* job) { delete static_cast<Job*>(job); }
  static void run(const void* callable, const void* job, job_context& context, transaction* tx,
                  reader* db, void* const* all_states) {
    [[maybe_unused]] const job_run r{context, tx, db, all_states};
    (*static_cast<const F*>(callable))(*static_cast<const Job*>(job),
                                       job_argument<A, states_before(I)>(r)...);
  }

  static constexpr jobs::handler_info info{
      job_name<Job>(),
      &type_of<Job>,
      (false || ... || std::is_same_v<A, transaction&>),
      (false || ... || std::is_same_v<A, reader&>),
      states.keys,
      states.names,
      std::uint32_t(state_count),
      &read,
      &destroy,
      &run,
  };
};

// The call operator of a lambda, or a function.
template <class F>
struct job_signature : job_signature<decltype(&F::operator())> {};
template <class R, class J, class... A>
struct job_signature<R (*)(J, A...)> {
  using job = std::remove_cvref_t<J>;
  template <class Job, class F>
  using binding = job_binding<Job, F, std::index_sequence_for<A...>, A...>;
};
template <class R, class C, class J, class... A>
struct job_signature<R (C::*)(J, A...) const> : job_signature<R (*)(J, A...)> {};

template <class Job, class F>
jobs::handler make_job_handler(F&& callable, job_policy policy = {}) {
  using held = std::decay_t<F>;
  using found = job_signature<held>;
  static_assert(std::is_same_v<typename found::job, Job>,
                "aft: the first argument of a job's handler is the job");
  return {found::template binding<Job, held>::info, static_cast<job_policy&&>(policy),
          new held(static_cast<F&&>(callable)), [](void* p) { delete static_cast<held*>(p); }};
}

}  // namespace detail
}  // namespace aft
