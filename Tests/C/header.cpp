// The header is also a C++17 header: this file compiling under -Werror is the test.
#include <scrl.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

static_assert(std::is_same<scrl_status, std::int32_t>::value, "statuses are 32 bits");
static_assert(std::is_standard_layout<scrl_step_report>::value, "reports are plain structs");
static_assert(std::is_standard_layout<scrl_linear_report>::value, "reports are plain structs");
static_assert(std::is_standard_layout<scrl_region_options>::value, "options are plain structs");
static_assert(offsetof(scrl_step_report, struct_size) == 0, "struct_size comes first");

int main() { return scrl_abi() == SCRL_ABI ? 0 : 1; }
