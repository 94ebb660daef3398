#pragma once
// All of aft.

#include <aft/app.hpp>
#include <aft/auth/password.hpp>
#include <aft/auth/token.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>
#include <aft/ground/text.hpp>
