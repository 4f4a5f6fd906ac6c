#pragma once
// Runs this same program on other arguments, for verbs that are made of verbs.
#include <sys/types.h>

#include <list>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/signals.h"

namespace zebra {

// Verbs that run side by side, each in a process of its own. A signal that we get goes on to all of them.
class Children {
 public:
  struct Finished {
    std::string name, command, printed;  // `printed`: what it wrote to standard output
    fs::path log;
    int code = 0;  // its exit code
  };

  Children() = default;
  ~Children();  // stops those that still run, and waits: they save first
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Its progress goes to the file `log`, or to our stderr where that is empty; `threads` > 0: as OMP_NUM_THREADS, where
  // that is not set.
  void start(const std::string& name, const std::vector<std::string>& arguments, const fs::path& log = {},
             int64_t threads = 0);
  size_t running() const { return children_.size(); }
  Finished wait();                                    // for one of them
  void stop();                                        // asks all to save and end
  int received() const { return guard_.received(); }  // the signal that came meanwhile, or 0

 private:
  struct Child {
    Finished told;
    pid_t process = 0;
    int end = -1;  // of the pipe that its standard output is
  };
  void signal_all(int signal);
  std::list<Child>::iterator read_until_one_ends();
  static int status_of(const Child& child);

  SignalGuard guard_;
  bool signalled_ = false;
  std::list<Child> children_;
};

// Error with the exit code of a verb that failed.
[[noreturn]] void fail_as(const Children::Finished& finished);

// What the verb wrote to standard output; its progress goes to ours on stderr. If it fails, so do we, with its exit
// code (it has already said why).
std::string run_verb(const std::vector<std::string>& arguments);

}  // namespace zebra
