#include "runtime/processors.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace ogive {
namespace {

#if defined(__linux__)
constexpr double no_quota = std::numeric_limits<double>::infinity();

// The processors' time that one control group may use, in processors.
double quota_of(const std::string &folder, bool unified) {
  double quota = 0, period = 0;
  if (unified) {
    std::ifstream(folder + "/cpu.max") >> quota >> period; // "max 100000" gives no number
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota; // -1: none
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : no_quota;
}

// The least over a control group and those around it; what is not there allows everything.
double least_quota(const std::string &root, std::string group, bool unified) {
  double least = no_quota;
  for (;;) {
    least = std::min(least, quota_of(root + group, unified));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

// Of this process, by the lines "0::/group" and "4:cpu,cpuacct:/group" of the two hierarchies.
// Inside a container the group's name may be one of the host's: then what is mounted at the root is
// the container's own.
double quota() {
  double least = no_quota;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t names = line.find(':') + 1, path = line.find(':', names) + 1;
    if (names == 0 || path == 0) continue;
    std::string controllers = ",";
    controllers.append(line, names, path - 1 - names).append(",");
    const std::string group = line.substr(path) == "/" ? "" : line.substr(path);
    if (controllers == ",,")
      least = std::min(least, least_quota("/sys/fs/cgroup", group, true));
    else if (controllers.find(",cpu,") != std::string::npos)
      least = std::min(least, least_quota("/sys/fs/cgroup/cpu", group, false));
  }
  return least;
}
#endif

} // namespace

int usable_processors() {
  constexpr int most = 1 << 16;
  int count = static_cast<int>(std::min<unsigned>(std::thread::hardware_concurrency(), most));
#if defined(__linux__)
  cpu_set_t allowed;
  // The main thread's set, since the caller may be a worker that is pinned to one.
  if (sched_getaffinity(getpid(), sizeof(allowed), &allowed) == 0) count = CPU_COUNT(&allowed);
  // A thread more than the quota would stop the others for the rest of each period.
  const double time = quota();
  if (time < count) count = static_cast<int>(std::ceil(time));
#endif
  return std::max(count, 1);
}

} // namespace ogive
