#include "version/version.h"

#include "git_state.h"  // made by cmake/git_state.cmake at every build

namespace zebra {

std::string program_version() {
  const std::string git = ZEBRA_GIT_STATE;
  return git.empty() ? ZEBRA_VERSION : ZEBRA_VERSION " (" + git + ")";
}

std::string torch_version() {
  return ZEBRA_TORCH_VERSION;
}

bool built_with_cuda() {
  return ZEBRA_WITH_CUDA;
}

std::string source_folder() {
  return ZEBRA_SOURCE;
}

std::string default_teacher() {
  return source_folder() + "/models/small";
}

}  // namespace zebra
