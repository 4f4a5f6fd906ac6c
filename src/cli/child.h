#pragma once
// Runs this same program on other arguments, for verbs that are made of verbs.
#include <sys/types.h>

#include <list>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/signals.h"

namespace zebra::cli {

// Verbs that run side by side, each in a process of its own. A signal that we get goes on to all of them.
class Children {
 public:
  struct Finished {
    std::string name, printed;  // what it wrote to standard output
  };

  Children() = default;
  ~Children();  // stops those that still run, and waits: they save first
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Its progress goes to the file `log`, or to our stderr where that is empty; `threads` > 0 bounds those it takes.
  void start(const std::string& name, const std::vector<std::string>& arguments, const fs::path& log = {},
             int64_t threads = 0);
  size_t running() const { return children_.size(); }
  // Waits for one of them. If that failed, so do we, with its exit code.
  Finished wait();

 private:
  struct Child {
    std::string name, command, printed;
    fs::path log;
    pid_t process = 0;
    int end = -1;  // of the pipe that its standard output is
  };
  std::list<Child>::iterator read_until_one_ends();
  static int status_of(const Child& child);

  SignalGuard guard_;
  bool passed_on_ = false;
  std::list<Child> children_;
};

// What the verb wrote to standard output; its progress goes to ours on stderr. If it fails, so do we, with its exit
// code (it has already said why).
std::string run_verb(const std::vector<std::string>& arguments);

// "zebra eval out/x --text 'my file'"
std::string command_line(const std::vector<std::string>& arguments);

}  // namespace zebra::cli
