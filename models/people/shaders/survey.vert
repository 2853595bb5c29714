#version 330
// Where each visible point is in another view, and what it belongs to.
in vec3 position;  // in the view that is drawn
in vec3 there;     // the same point in the other view
in vec3 rest;
in vec2 mask;
uniform mat4 clip;
uniform float nearer;
out vec4 here_, there_;
out vec3 at;
out vec2 masked;
void main() {
    gl_Position = clip * vec4(position, 1.0);
    gl_Position.z -= nearer;
    here_ = clip * vec4(position, 1.0);
    there_ = clip * vec4(there, 1.0);
    at = rest;
    masked = mask;
}
