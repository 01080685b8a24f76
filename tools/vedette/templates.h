/* templates.h: the files of templates/ as texts, put into the command when it is built. */
#ifndef VD_CLI_TEMPLATES_H
#define VD_CLI_TEMPLATES_H

extern const char cli_template_CMakeLists_txt[];
extern const char cli_template_README_md[];
extern const char cli_template_README_python_md[];
extern const char cli_template_note_txt[];
extern const char cli_template_observer_c[];
extern const char cli_template_observer_py[];
extern const char cli_template_test_sh[];
extern const char cli_template_vedette_toml[];

#endif
