/* What the two halves of the shim know of each other: shim.c runs and records, stage.c lays down what is to be stored. */
#include <stddef.h>

void die(int code, const char *what, const char *name) __attribute__((noreturn));
void put_text(const char *text);
void put_json(const char *bytes, size_t size);

void stage_folder(const char *folder);
void stage_artifact(const char *name, const char *path);
int stage_wanted(void);
int stage_log(void);
void stage_write(int file, const char *bytes, size_t size);
void stage_artifacts(int status);
int stage_finish(const char *finish, size_t size);
