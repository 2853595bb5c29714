#version 330
// Skin, tongue, eyes and teeth alike.
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 mask;  // skin: lips, inside of the mouth; teeth: gum; eyes: left
in float open;  // how much of the sky a point sees, 0..1
uniform mat4 clip;
out vec3 p, n, at;
out vec2 masked;
out float sky;
void main() {
    p = position;
    n = normal;
    at = rest;
    masked = mask;
    sky = open;
    gl_Position = clip * vec4(position, 1.0);
}
