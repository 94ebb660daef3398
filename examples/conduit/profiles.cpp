#include "viewer.hpp"

namespace conduit {
namespace {

struct profile_answer {
  profile_view profile;
};

profile_answer show(aft::reader& db, const std::string& username, std::int64_t viewer) {
  auto found = db.find<profile_view>(
      "select username, bio, image, "
      "exists (select 1 from follow where follower = $2 and followed = a.id) as following "
      "from account a where username = $1",
      username, viewer);
  if (!found) throw refuse(404, "profile", "not found");
  return {std::move(*found)};
}

}  // namespace

void define_profiles(aft::routes& api) {
  api.get("/profiles/{username}", [](const std::string& username, maybe_viewer me,
                                     aft::reader& db) { return show(db, username, me.id); })
      .summary("A profile")
      .answers(404, "There is no such user.");

  api.post("/profiles/{username}/follow",
           [](const std::string& username, viewer me, aft::transaction& tx) {
             tx.execute(
                 "insert into follow (follower, followed) "
                 "select $2, id from account where username = $1 on conflict do nothing",
                 username, me.id);
             return show(tx, username, me.id);
           })
      .summary("Follow a user")
      .answers(404, "There is no such user.");

  api.del("/profiles/{username}/follow",
          [](const std::string& username, viewer me, aft::transaction& tx) {
            tx.execute(
                "delete from follow where follower = $2 "
                "and followed = (select id from account where username = $1)",
                username, me.id);
            return show(tx, username, me.id);
          })
      .summary("Unfollow a user")
      .answers(404, "There is no such user.");
}

}  // namespace conduit
