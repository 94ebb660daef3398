#include <aft/src.hpp>
