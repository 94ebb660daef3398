#pragma once
// Signed tokens that a page of another site cannot know, bound to a session.

#include <string>
#include <string_view>

namespace aft::guarding {

// Signed by the secret of the session's cookie, so there is no key to keep.
std::string make_csrf_token(std::string_view session_token);
bool is_csrf_token(std::string_view token, std::string_view session_token);

}  // namespace aft::guarding
