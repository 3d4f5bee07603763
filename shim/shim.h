/* What the parts of the shim know of each other: shim.c runs and records, stage.c lays down what is to be stored, order.c waits, progress.c tells how far another is. */
#include <stddef.h>

void die(int code, const char *what, const char *name) __attribute__((noreturn));
int is_told_to_end(void); /* whether SIGTERM has come, at any moment since the start */
void put_text(const char *text);
void put_json(const char *bytes, size_t size);

void stage_folder(const char *folder);
void stage_artifact(const char *name, const char *path);
int stage_wanted(void);
int stage_log(void);
void stage_write(int file, const char *bytes, size_t size);
void stage_artifacts(int status);
int stage_finish(const char *finish, size_t size);

void order_place(const char *folder, const char *name);
void order_after(const char *name);
void order_retry(int attempts, int milliseconds);
int order_wanted(void);
int order_wait(const char **failed);  /* 0 when all went well, else the exit code that follows */
int order_again(int status, int number);  /* whether the command runs once more; waits before that */
void order_finish(int status);

int progress_report(const char *path, int milliseconds, const char *termination);
